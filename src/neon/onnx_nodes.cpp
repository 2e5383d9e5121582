#include "neon/onnx_nodes.h"

#include <algorithm>

#include "base/error.h"

namespace neon {

std::vector<float> OnnxNodes::values_of(std::string_view name) const {
  const std::string full = fmt::format("{}/{}", node_.name, name);
  for (const ParameterSpec& spec : node_.parameters) {
    if (spec.name != name) continue;
    const auto found = parameters_.find(full);
    if (found == parameters_.end() || found->second->shape != tensor::Shape{spec.rows, spec.columns})
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("the checkpoint has no parameter '{}' of {}x{} numbers; it does not fit its model",
                                    full, spec.rows, spec.columns));
    const std::vector<float>& kept = found->second->values;
    std::vector<float> values(kept);
    if (spec.transposed)
      for (std::int64_t r = 0; r < spec.rows; ++r)
        for (std::int64_t c = 0; c < spec.columns; ++c)
          values[static_cast<std::size_t>(c * spec.rows + r)] = kept[static_cast<std::size_t>(r * spec.columns + c)];
    return values;
  }
  throw base::Error(base::Code::internal, fmt::format("layer '{}' has no parameter '{}'", node_.name, name));
}

std::string OnnxNodes::parameter(std::string_view name, tensor::Shape shape) {
  if (shape.empty())
    for (const ParameterSpec& spec : node_.parameters)
      if (spec.name == name) shape = spec.shape;
  return constant(name, std::move(shape), values_of(name));
}

std::string OnnxNodes::constant(std::string_view name, tensor::Shape shape, std::vector<float> values) {
  return constant_of(name, {{}, std::move(shape), std::move(values)});
}

std::string OnnxNodes::constant(std::string_view name, std::vector<std::int64_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return constant_of(name, {{}, {count}, std::move(values)});
}

std::string OnnxNodes::constant_of(std::string_view name, OnnxTensor tensor) {
  tensor.name = fmt::format("{}/{}", node_.name, name);
  const auto is_taken = [&](const OnnxTensor& other) { return other.name == tensor.name; };
  const auto own = std::min<std::ptrdiff_t>(constants_, std::ssize(model_.constants));
  if (std::any_of(model_.constants.end() - own, model_.constants.end(), is_taken))
    tensor.name += fmt::format("_{}", constants_);
  ++constants_;
  model_.constants.push_back(std::move(tensor));
  return model_.constants.back().name;
}

std::string OnnxNodes::add(std::string op, std::vector<std::string> inputs,
                           std::map<std::string, OnnxAttribute> attributes) {
  return add_several(std::move(op), std::move(inputs), 1, std::move(attributes))[0];
}

std::vector<std::string> OnnxNodes::add_several(std::string op, std::vector<std::string> inputs, std::size_t outputs,
                                                std::map<std::string, OnnxAttribute> attributes) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < outputs; ++i) names.push_back(fmt::format("{}/{}", node_.name, added_++));
  model_.nodes.push_back({std::move(op), names[0], std::move(inputs), names, std::move(attributes)});
  return names;
}

std::string OnnxNodes::flat(const std::string& value, const tensor::Shape& sample_shape) {
  return sample_shape.size() == 1 ? value : add("Flatten", {value}, {{"axis", std::int64_t{1}}});
}

std::string OnnxNodes::shaped(const std::string& value, const tensor::Shape& sample_shape) {
  std::vector<std::int64_t> target{0};  // the batch as it is
  target.insert(target.end(), sample_shape.begin(), sample_shape.end());
  return add("Reshape", {value, constant("shape", std::move(target))});
}

std::string OnnxNodes::steps_where(std::string_view comparison, const std::string& lengths, std::int64_t first,
                                   std::int64_t steps) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t t = 0; t < steps; ++t) numbers.push_back(first + t);
  return cast(add(std::string(comparison), {constant("steps", std::move(numbers)), shaped(lengths, {1, 1})}), 1);
}

tensor::Shape OnnxNodes::for_features() const {
  tensor::Shape shape(node_.in().size(), 1);
  shape[0] = node_.in()[0];
  return shape;
}

void OnnxNodes::refuse(std::string_view reason) const {
  const std::string_view activation = node_.layer->activation();
  throw base::Error(
      base::Code::invalid_argument,
      fmt::format("layer '{}' ({}{}{}) cannot be said in ONNX: {}; export a model without it, or let neon predict",
                  node_.name, node_.type, activation.empty() ? "" : " with ", activation, reason),
      node_.where);
}

}  // namespace neon
