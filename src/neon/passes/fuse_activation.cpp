#include "neon/passes/pass.h"

namespace neon {

/// An element-wise activation becomes part of the step before it. Its derivative is a function of the output, so the
/// backward pass needs nothing that the joined step does not keep.
void fuse_activation(const Graph& graph, std::vector<Group>& groups) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::size_t next = only_reader(graph, groups, i);
    if (next == groups.size() || groups[i].then() || !groups[next].absorbed.empty()) continue;
    const auto function = groups[next].node->layer->transform();
    if (function && function->is_element_wise() && !function->derivative_of_input() &&
        groups[i].node->layer->absorbs(*function))
      absorb(groups, i, next);
  }
}

}  // namespace neon
