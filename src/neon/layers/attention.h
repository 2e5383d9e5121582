#pragma once
// The node that compounds with attention are built around; it has no name in model files.
#include "neon/graph_builder.h"

namespace neon {

/// For every step of a sequence (3·size, time steps) of queries, keys and values: what it sees of the others, (size,
/// time steps). With a second input, a mask (time steps), steps whose number is not over 0 are not seen. Of a
/// sequence with lengths padding is not seen, and sees nothing: it gets zeros.
std::vector<int> attention(GraphBuilder& builder, const std::string& type, const std::optional<std::string>& name,
                           const std::vector<int>& in, std::int64_t heads, bool causal);

}  // namespace neon
