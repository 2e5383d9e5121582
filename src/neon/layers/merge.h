#pragma once
// The nodes that containers put where branches meet or part; they have no name in model files.
#include "neon/graph_builder.h"

namespace neon {

/// Where branches meet: one after the other in time, in feature maps, or flat.
enum class Merge { recurrent, depth, stack };
constexpr auto enumerators(Merge) {
  return std::array{std::pair{Merge::recurrent, "recurrent"}, std::pair{Merge::depth, "depth"},
                    std::pair{Merge::stack, "stack"}};
}

/// y = Σ x_i, all of one shape.
std::vector<int> merge_sum(GraphBuilder& builder, const std::string& type, const std::optional<std::string>& name,
                           const std::vector<int>& in);

/// The inputs one after the other: recurrent (F, T_i) → (F, ΣT), depth (C_i, ...) → (ΣC, ...), stack → (Σ of all).
std::vector<int> merge_concat(GraphBuilder& builder, const std::string& type, const std::optional<std::string>& name,
                              const std::vector<int>& in, Merge merge);

/// Passes values on as they are, and errors times alpha.
std::vector<int> scale_gradients(GraphBuilder& builder, const std::vector<int>& in, double alpha);

}  // namespace neon
