#pragma once
// The node that compounds with attention are built around; it has no name in model files.
#include "neon/graph_builder.h"

namespace neon {

/// For every step of a sequence what it sees of others, (size, time steps): of its own, if `in` begins with (3·size,
/// time steps) of queries, keys and values; or, `of_memory`, of another sequence, if it begins with the queries (size,
/// time steps) and that one's keys and values (2·size, its time steps). With a further input, a mask (steps that are
/// seen), steps whose number is not over 0 are not seen. Of sequences with lengths padding is not seen, and sees
/// nothing: it gets zeros.
struct AttentionKind {
  std::int64_t heads = 1;
  bool causal = false;
  bool of_memory = false;
  double keep = 1;  ///< chance of a weight to survive in training, where it is divided by it
};
std::vector<int> attention(GraphBuilder& builder, const std::string& type, const std::optional<std::string>& name,
                           std::vector<int> in, const AttentionKind& kind);

/// What comes in but for whole numbers behind the first, which say how many of its steps are real.
std::vector<int> without_lengths(GraphBuilder& builder, const std::vector<int>& in);

}  // namespace neon
