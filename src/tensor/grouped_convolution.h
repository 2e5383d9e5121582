#pragma once
#include "tensor/operations.h"

namespace tensor {

/// A window of a convolution whose maps fall into groups: each output sees the inputs of its own group.
struct GroupedSliding : Sliding {
  std::int64_t groups = 1;
};

/// (k, c, window...), or (groups, k / groups, c / groups, window...) if there are several.
Shape convolution_weights(const Shape& src, std::int64_t k, const GroupedSliding& window);

/// The convolutions of tensor/operations.h, which have one group.
Candidates convolution_forward(const Layout& src, const Layout& weights, const Shape& dst, const GroupedSliding& window,
                               const Product& product);
Candidates convolution_backward_data(const Kernel& forward, const GroupedSliding& window, const Layout& weights,
                                     const Layout& diff_dst);
Candidates convolution_backward_weights(const Kernel& forward, const GroupedSliding& window, const Layout& src,
                                        const Layout& diff_dst, bool bias);

}  // namespace tensor
