#include "neon/passes/pass.h"

namespace neon {

/// An element-wise activation becomes part of the step before it. Its derivative is a function of the output, so the
/// backward pass needs nothing that the joined step does not keep.
void fuse_activation(std::vector<Group>& groups) {
  for (std::size_t i = 0; i + 1 < groups.size(); ++i) {
    const auto function = groups[i + 1].node->layer->transform();
    const bool free = !groups[i].then() && groups[i + 1].absorbed.empty();
    if (function && function->is_element_wise() && free && groups[i].node->layer->absorbs(*function))
      absorb_next(groups, i);
  }
}

}  // namespace neon
