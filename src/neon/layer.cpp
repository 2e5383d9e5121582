#include "neon/layer.h"

namespace neon {

std::vector<Part> Layer::expand(const std::string&) const { return {}; }

std::vector<ParameterSpec> Layer::parameters(const tensor::Shape&) const { return {}; }

double Layer::operations(const tensor::Shape& in) const { return static_cast<double>(tensor::element_count(in)); }

const Node* Group::bias() const {
  for (const Node* next : absorbed)
    if (next->layer->is_channel_bias()) return next;
  return nullptr;
}

std::optional<Following> Group::then() const {
  for (const Node* next : absorbed)
    if (auto transform = next->layer->transform()) return Following{std::move(transform), takes_shortcut};
  return {};
}

}  // namespace neon
