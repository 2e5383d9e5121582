#pragma once
// x > 0 ? x : slope·x, with one slope per channel: what PReLU is made of.
#include "tensor/runnable.h"

namespace tensor {

/// `src` has a channel_order. Arguments: src, weights (the slopes, one per channel), dst (may be src), scratchpad.
Kernel channel_slope_forward(const Layout& src);

/// Arguments: src, weights, diff_dst, diff_src (may be diff_dst), diff_weights, scratchpad.
Kernel channel_slope_backward(const Layout& src);

}  // namespace tensor
