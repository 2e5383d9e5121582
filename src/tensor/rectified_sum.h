#pragma once
#include "tensor/runnable.h"

namespace tensor {

/// dst = Σ src_i, then dst > 0 ? dst : slope·dst, in one pass over memory. All lie alike; dst may be the first.
/// Arguments: src..., dst.
Kernel rectified_sum(const Layout& layout, std::size_t count, float slope);

}  // namespace tensor
