#include "neon/passes/pass.h"

namespace neon {

void absorb_next(std::vector<Group>& groups, std::size_t i) {
  groups[i].absorbed.push_back(groups[i + 1].node);
  groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(i) + 1);
}

/// A bias that follows a layer whose kernel can add one costs no pass over memory of its own.
void fuse_bias(std::vector<Group>& groups) {
  for (std::size_t i = 0; i + 1 < groups.size(); ++i)
    if (groups[i].absorbed.empty() && groups[i].node->layer->absorbs_bias() &&
        groups[i + 1].node->layer->is_channel_bias())
      absorb_next(groups, i);
}

}  // namespace neon
