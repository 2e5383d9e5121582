#pragma once
#include <set>
#include <vector>

#include "neon/graph.h"

namespace neon {

/// A network as model files write it: layers one after the other, with containers where it branches.
struct Nested {
  std::vector<Part> layers;
  std::set<int> nodes;  ///< those that an output depends on
};

/// `parts[n]` is what node n of the graph is in a model file; nodes with several inputs are containers, whose branches
/// are found here. Errors: invalid_argument naming a node where branches cross, so that no nesting has them.
Nested nested(const Graph& graph, const std::vector<Part>& parts);

}  // namespace neon
