#pragma once
#include <vector>

#include "neon/graph.h"
#include "neon/layer.h"

namespace neon {

/// A rewrite of the list of groups, which at first holds one node each. A pass asks layers what they are and can; it
/// knows no layer by name.
using Pass = void (*)(const Graph& graph, std::vector<Group>& groups);

void fuse_bias(const Graph& graph, std::vector<Group>& groups);
void fuse_activation(const Graph& graph, std::vector<Group>& groups);

/// The groups of a graph after all passes.
std::vector<Group> groups_of(const Graph& graph);

/// The place of the group that alone reads what group i gives and reads nothing else, which nobody outside the graph
/// reads either; groups.size() when there is none.
std::size_t only_reader(const Graph& graph, const std::vector<Group>& groups, std::size_t i);

/// Moves group `next`, which is a single node, into group i.
void absorb(std::vector<Group>& groups, std::size_t i, std::size_t next);

}  // namespace neon
