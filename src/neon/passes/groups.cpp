#include "neon/passes/pass.h"

namespace neon {
namespace {

/// In this order; each sees what the ones before left.
constexpr Pass kPasses[] = {fuse_bias, fuse_activation};

}  // namespace

std::vector<Group> groups_of(const Graph& graph) {
  std::vector<Group> groups;
  for (const Node& node : graph.nodes) groups.push_back({&node, {}});
  for (const Pass pass : kPasses) pass(groups);
  return groups;
}

}  // namespace neon
