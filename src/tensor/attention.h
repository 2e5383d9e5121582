#pragma once
// Scaled dot-product attention of a sequence with itself, by several heads, and what tells its steps apart.
#include "tensor/runnable.h"

namespace tensor {

struct Attention {
  std::int64_t heads = 1;
  bool causal = false;  ///< a step sees itself and those before it
  bool masked = false;  ///< there is a mask (n, steps): steps whose number is not over 0 are not seen
  /// There is how many steps are real (n, i32): those from there on, padding, are not seen, see nothing and get zeros.
  bool has_lengths = false;
};

/// src is (n, 3·size, steps), row-major: for every step a query, a key and a value of `size` numbers, of which each
/// head has size/heads. dst (n, size, steps) holds what each step sees: the values of all steps, weighted by the
/// softmax of query·key/√(size/heads); zeros where it sees none. Arguments: src, the mask and the lengths (further
/// src), dst, and in training workspace (the weights); scratchpad.
Kernel attention_forward(const Layout& src, const Attention& attention, bool training);
/// Arguments: src, the lengths (a second src), diff_dst, workspace, diff_src, scratchpad.
Kernel attention_backward(const Layout& src, const Attention& attention);

/// What tells the steps of a sequence apart: sin(step/10000^(f/features)) for even features f, the cosine of the same
/// angle for the odd one after it.
double position(std::int64_t feature, std::int64_t features, std::int64_t step);
/// dst = src + position; of a row-major (n, features, steps). dst may be src. Arguments: src, dst.
Kernel positions_added(const Layout& src);

}  // namespace tensor
