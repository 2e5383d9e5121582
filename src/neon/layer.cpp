#include "neon/layer.h"

#include <algorithm>

#include "base/error.h"
#include "neon/graph_builder.h"

namespace neon {

std::vector<int> Layer::build(GraphBuilder& builder, const std::vector<int>& in) const {
  return builder.place(std::static_pointer_cast<const Layer>(shared_from_this()), in);
}

double Layer::operations(std::span<const TensorSpec> in) const {
  double sum = 0;
  for (const TensorSpec& spec : in) sum += static_cast<double>(tensor::element_count(spec.shape));
  return sum;
}

std::vector<TensorSpec> UnaryLayer::infer(std::span<const TensorSpec> in) const {
  if (in.size() != 1)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("it takes one input, but {} come in; join them with a merge layer before, or, if one is the "
                    "length of the other, begin with SequenceLengths",
                    in.size()));
  if (in[0].dtype != tensor::Dtype::f32)
    throw base::Error(base::Code::invalid_argument, "it takes numbers, but whole numbers (indices) come in");
  return {TensorSpec{out_shape(in[0].shape)}};
}

double UnaryLayer::operations(const tensor::Shape& in) const { return static_cast<double>(tensor::element_count(in)); }

bool Node::learns() const {
  return std::any_of(parameters.begin(), parameters.end(), [](const ParameterSpec& p) { return p.trained; });
}

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
