#pragma once
#include "tensor/operations.h"

namespace tensor {

/// What is taken of a window; l2: the root of the sum of squares.
enum class WindowPool { max, avg, l2 };
constexpr auto enumerators(WindowPool) {
  return std::array{std::pair{WindowPool::max, "max"}, std::pair{WindowPool::avg, "avg"},
                    std::pair{WindowPool::l2, "l2"}};
}

/// A window that goes over feature maps as well.
struct MapWindow {
  Sliding sliding;
  std::int64_t maps = 1, stride = 1, padding = 0;  ///< over feature maps
};

/// Pooling with such a window, (n, c, ...) → (n, c', ...), both row-major. The derivative of l2 at 0 counts as 0.
/// Arguments: src, dst, and for max in training workspace; backward: diff_dst, diff_src, for max workspace, for l2 src
/// and dst.
Kernel map_pooling_forward(const Shape& src, const Shape& dst, const MapWindow& window, WindowPool pool, bool training);
Kernel map_pooling_backward(const Shape& src, const Shape& dst, const MapWindow& window, WindowPool pool);

}  // namespace tensor
