#include "neon/passes/pass.h"

namespace neon {

/// A bias that follows a layer whose kernel can add one costs no pass over memory of its own.
bool fuse_bias(const Group& group, const Node& reader) {
  return group.absorbed.empty() && group.node->layer->absorbs_bias() && reader.layer->is_channel_bias();
}

}  // namespace neon
