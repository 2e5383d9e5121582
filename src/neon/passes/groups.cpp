#include "neon/passes/pass.h"

namespace neon {
namespace {

/// In this order; each sees what the ones before left.
constexpr Pass kPasses[] = {fuse_bias, fuse_activation};

}  // namespace

const Node* only_reader(const Graph& graph, const Group& group) {
  const Node& last = group.last();
  if (last.out_edges.size() != 1 || graph.is_output(last.out_edges[0])) return nullptr;
  const std::vector<int>& consumers = graph.edges[static_cast<std::size_t>(last.out_edges[0])].consumers;
  if (consumers.size() != 1) return nullptr;
  const Node& reader = graph.nodes[static_cast<std::size_t>(consumers[0])];
  return reader.in_edges.size() == 1 ? &reader : nullptr;
}

std::vector<Group> groups_of(const Graph& graph) {
  std::vector<Group> groups;
  for (const Node& node : graph.nodes) groups.push_back({&node, {}});
  for (const Pass pass : kPasses) {
    std::vector<bool> joined(graph.nodes.size(), false);  // to a group before it
    std::vector<bool> alone(graph.nodes.size(), false);   // a group of this node and no other
    for (const Group& group : groups) alone[static_cast<std::size_t>(group.node->index)] = group.absorbed.empty();
    std::vector<Group> left;
    for (Group& group : groups) {
      if (joined[static_cast<std::size_t>(group.node->index)]) continue;
      const Node* reader = only_reader(graph, group);
      if (reader != nullptr && alone[static_cast<std::size_t>(reader->index)] && pass(group, *reader)) {
        group.absorbed.push_back(reader);
        joined[static_cast<std::size_t>(reader->index)] = true;
      }
      left.push_back(std::move(group));
    }
    groups = std::move(left);
  }
  return groups;
}

}  // namespace neon
