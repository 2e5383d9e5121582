#pragma once
#include <vector>

#include "neon/graph.h"
#include "neon/layer.h"

namespace neon {

/// A rewrite of the list of groups, which at first holds one node each. A pass asks layers what they are and can; it
/// knows no layer by name.
using Pass = void (*)(std::vector<Group>& groups);

void fuse_bias(std::vector<Group>& groups);
void fuse_activation(std::vector<Group>& groups);

/// The groups of a graph after all passes.
std::vector<Group> groups_of(const Graph& graph);

/// Moves group i + 1, which is a single node, into group i.
void absorb_next(std::vector<Group>& groups, std::size_t i);

}  // namespace neon
