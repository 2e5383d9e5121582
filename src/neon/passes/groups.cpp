#include <algorithm>

#include "neon/passes/pass.h"

namespace neon {
namespace {

/// In this order; each sees what the ones before left.
constexpr Pass kPasses[] = {fuse_bias, fuse_activation};

}  // namespace

std::size_t only_reader(const Graph& graph, const std::vector<Group>& groups, std::size_t i) {
  const Node& last = groups[i].last();
  if (last.out_edges.size() != 1 || graph.is_output(last.out_edges[0])) return groups.size();
  const std::vector<int>& consumers = graph.edges[static_cast<std::size_t>(last.out_edges[0])].consumers;
  if (consumers.size() != 1) return groups.size();
  const Node* reader = &graph.nodes[static_cast<std::size_t>(consumers[0])];
  if (reader->in_edges.size() != 1) return groups.size();
  const auto found =
      std::find_if(groups.begin(), groups.end(), [&](const Group& group) { return group.node == reader; });
  return static_cast<std::size_t>(found - groups.begin());
}

void absorb(std::vector<Group>& groups, std::size_t i, std::size_t next) {
  groups[i].absorbed.push_back(groups[next].node);
  groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(next));
}

std::vector<Group> groups_of(const Graph& graph) {
  std::vector<Group> groups;
  for (const Node& node : graph.nodes) groups.push_back({&node, {}});
  for (const Pass pass : kPasses) pass(graph, groups);
  return groups;
}

}  // namespace neon
