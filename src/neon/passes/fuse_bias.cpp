#include "neon/passes/pass.h"

namespace neon {

/// A bias that follows a layer whose kernel can add one costs no pass over memory of its own.
void fuse_bias(const Graph& graph, std::vector<Group>& groups) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!groups[i].absorbed.empty() || !groups[i].node->layer->absorbs_bias()) continue;
    const std::size_t next = only_reader(graph, groups, i);
    if (next < groups.size() && groups[next].node->layer->is_channel_bias()) absorb(groups, i, next);
  }
}

}  // namespace neon
