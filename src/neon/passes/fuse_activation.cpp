#include "neon/passes/pass.h"

namespace neon {

/// An element-wise activation becomes part of the step before it. Its derivative is a function of the output, so the
/// backward pass needs nothing that the joined step does not keep.
bool fuse_activation(const Group& group, const Node& reader) {
  const auto function = reader.layer->transform();
  return function && function->is_element_wise() && !function->derivative_of_input() && !group.then() &&
         group.node->layer->absorbs(*function);
}

}  // namespace neon
