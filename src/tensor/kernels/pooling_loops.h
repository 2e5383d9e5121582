#pragma once
#include <cstdint>
#include <vector>

#include "tensor/window.h"

namespace tensor {

/// The part of one output's window that lies inside the input.
struct WindowPart {
  std::int64_t first_input = 0;   ///< position
  std::int64_t first_window = 0;  ///< index inside the window
  PerDimension extent;
};

/// Where every output looks, resolved once when a plan is made.
struct WindowTable {
  std::vector<WindowPart> parts;  ///< one per output position
  PerDimension in, window;
  bool disjoint = false;  ///< no input is looked at twice
  bool covers = false;    ///< every input is looked at

  static WindowTable of(const Sliding& sliding, const PerDimension& in, const PerDimension& out);
  std::int64_t in_positions() const { return in.d * in.h * in.w; }
};

/// All kernels treat one example's channel block: x (input positions, block), y (output positions, block).

/// taken, when there, receives the index inside the window of each output's first largest input.
void max_pool(const WindowTable& table, std::int64_t block, const float* x, float* y, std::uint16_t* taken);
void max_pool_backward(const WindowTable& table, std::int64_t block, const float* dy, const std::uint16_t* taken,
                       float* dx);

void average_pool(const WindowTable& table, std::int64_t block, const float* x, float* y);
void average_pool_backward(const WindowTable& table, std::int64_t block, const float* dy, float* dx);

}  // namespace tensor
