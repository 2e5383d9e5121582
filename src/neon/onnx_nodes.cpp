#include "neon/onnx_nodes.h"

#include "base/error.h"

namespace neon {

std::string OnnxNodes::parameter(std::string_view name, tensor::Shape shape) {
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
    return constant(name, shape.empty() ? spec.shape : std::move(shape), std::move(values));
  }
  throw base::Error(base::Code::internal, fmt::format("layer '{}' has no parameter '{}'", node_.name, name));
}

std::string OnnxNodes::constant(std::string_view name, tensor::Shape shape, std::vector<float> values) {
  model_.constants.push_back({fmt::format("{}/{}", node_.name, name), std::move(shape), std::move(values)});
  return model_.constants.back().name;
}

std::string OnnxNodes::constant(std::string_view name, std::vector<std::int64_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  model_.constants.push_back({fmt::format("{}/{}", node_.name, name), {count}, std::move(values)});
  return model_.constants.back().name;
}

std::string OnnxNodes::add(std::string op, std::vector<std::string> inputs,
                           std::map<std::string, OnnxAttribute> attributes) {
  const std::string name = fmt::format("{}/{}", node_.name, added_++);
  model_.nodes.push_back({std::move(op), name, std::move(inputs), {name}, std::move(attributes)});
  return name;
}

std::string OnnxNodes::flat(const std::string& value, const tensor::Shape& sample_shape) {
  return sample_shape.size() == 1 ? value : add("Flatten", {value}, {{"axis", std::int64_t{1}}});
}

std::string OnnxNodes::shaped(const std::string& value, const tensor::Shape& sample_shape) {
  if (sample_shape.size() == 1) return value;
  std::vector<std::int64_t> target{0};  // the batch as it is
  target.insert(target.end(), sample_shape.begin(), sample_shape.end());
  return add("Reshape", {value, constant("shape", std::move(target))});
}

}  // namespace neon
