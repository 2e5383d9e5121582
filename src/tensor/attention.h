#pragma once
// Scaled dot-product attention of a sequence with itself or another one, by several heads, and what tells steps apart.
#include <optional>

#include "tensor/runnable.h"

namespace tensor {

struct Attention {
  std::int64_t heads = 1;
  bool causal = false;  ///< a step sees itself and those before it
  bool masked = false;  ///< there is a mask (n, steps that are seen): those whose number is not over 0 are not seen

  double keep = 1;           ///< chance of a weight to survive in training, which is divided by it; 1: all do
  std::uint64_t stream = 0;  ///< tells one layer's random numbers from another's

  // There is how many steps are real (n, i32); those from there on are padding.
  bool has_lengths = false;         ///< of the steps that look: padding sees nothing and gets zeros
  bool memory_has_lengths = false;  ///< of the steps that are seen: padding is not
};

/// What attention reads. A sequence that sees itself is src (n, 3·size, steps), row-major: for every step a query, a
/// key and a value of `size` numbers, of which each head has size/heads; its one length is that of both sides. One that
/// sees another one is src (n, size, steps), its queries, and memory (n, 2·size, steps of the other), keys and values.
struct AttentionSources {
  Layout src;
  std::optional<Layout> memory;
};

/// dst (n, size, steps) holds what each step sees: the values of all steps, weighted by the softmax of
/// query·key/√(size/heads); zeros where it sees none. Weights are dropped as units are (tensor::Dropping), in the order
/// of (n, heads, steps that are seen, steps that look). Arguments: src, memory, the mask, the lengths, those of the
/// memory (all these of src, as far as they are there), dst, and in training workspace (the weights); scratchpad.
Kernel attention_forward(const AttentionSources& sources, const Attention& attention, bool training);
/// Arguments: src, memory, the lengths, those of the memory (all these of src), diff_dst, workspace, diff_src, that of
/// the memory (diff_src once more), scratchpad.
Kernel attention_backward(const AttentionSources& sources, const Attention& attention);

/// What tells the steps of a sequence apart: sin(step/10000^(f/features)) for even features f, the cosine of the same
/// angle for the odd one after it.
double position(std::int64_t feature, std::int64_t features, std::int64_t step);
/// dst = src + position; of a row-major (n, features, steps). dst may be src. Arguments: src, dst.
Kernel positions_added(const Layout& src);

}  // namespace tensor
