#pragma once
#include <vector>

#include "neon/graph.h"
#include "neon/layer.h"

namespace neon {

/// Whether a group's steps can do its only reader's work as well, so that this node joins it. A pass asks layers what
/// they are and can; it knows no layer by name.
using Pass = bool (*)(const Group& group, const Node& reader);

bool fuse_bias(const Group& group, const Node& reader);
bool fuse_activation(const Group& group, const Node& reader);

/// The groups of a graph after all passes.
std::vector<Group> groups_of(const Graph& graph);

/// The node that alone reads what a group gives and reads nothing else, when nobody outside the graph reads it either.
const Node* only_reader(const Graph& graph, const Group& group);

}  // namespace neon
