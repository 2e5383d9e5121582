#include "neon/layer.h"

#include "neon/booking.h"

namespace neon {

std::vector<Part> Layer::expand(const std::string&) const { return {}; }

std::vector<ParameterSpec> Layer::parameters(const tensor::Shape&) const { return {}; }

double Layer::operations(const tensor::Shape& in) const { return static_cast<double>(tensor::element_count(in)); }

const Node* Group::bias() const {
  for (const Node* next : absorbed)
    if (next->layer->is_channel_bias()) return next;
  return nullptr;
}

std::optional<ElementWise> Group::then() const {
  for (const Node* next : absorbed)
    if (auto function = next->layer->element_wise()) {
      function->takes_shortcut = takes_shortcut;
      return function;
    }
  return {};
}

Value Transform::forward(Booking&, const Value&, const std::string& name) const {
  throw base::Error(base::Code::internal, fmt::format("activation of '{}' has no forward step of its own", name));
}

Value Transform::backward(Booking&, const Value&, const Value&, const std::string& name) const {
  throw base::Error(base::Code::internal, fmt::format("activation of '{}' has no backward step of its own", name));
}

}  // namespace neon
