#include "neon/onnx/written_norms.h"

#include <optional>

namespace neon {
namespace {

/// (x - mean) / sqrt(mean((x - mean)²) + eps).
class Finder {
 public:
  explicit Finder(const OnnxModel& model) {
    for (const OnnxNode& node : model.nodes)
      for (const std::string& output : node.outputs) makers_[output] = &node;
    for (const OnnxTensor& tensor : model.constants) constants_[tensor.name] = &tensor;
  }

  std::optional<OnnxNode> norm_ending_in(const OnnxNode& quotient) const {
    const OnnxNode* centred = maker(quotient, 0, "Sub");
    if (quotient.op != "Div" || centred == nullptr) return {};
    const OnnxNode* mean = maker(*centred, 1, "ReduceMean");
    const OnnxNode* deviation = maker(quotient, 1, "Sqrt");
    const OnnxNode* sum = deviation == nullptr ? nullptr : maker(*deviation, 0, "Add");
    if (mean == nullptr || sum == nullptr) return {};
    const bool mean_first = maker(*sum, 0, "ReduceMean") != nullptr;
    const OnnxNode* variance = maker(*sum, mean_first ? 0 : 1, "ReduceMean");
    const auto eps = number(*sum, mean_first ? 1 : 0);
    if (variance == nullptr || !eps || !is_square_of(*variance, *centred)) return {};
    const auto axes = axes_of(*mean);
    if (axes.empty() || axes != axes_of(*variance) || mean->inputs[0] != centred->inputs[0]) return {};
    return OnnxNode{"LayerNormalization",
                    quotient.name,
                    {centred->inputs[0]},
                    quotient.outputs,
                    {{"axes", axes}, {"epsilon", static_cast<float>(*eps)}}};
  }

 private:
  const OnnxNode* maker(const OnnxNode& node, std::size_t i, std::string_view op) const {
    if (i >= node.inputs.size()) return nullptr;
    const auto found = makers_.find(node.inputs[i]);
    return found != makers_.end() && found->second->op == op ? found->second : nullptr;
  }
  const OnnxTensor* constant(const OnnxNode& node, std::size_t i) const {
    if (i >= node.inputs.size()) return nullptr;
    if (const auto found = constants_.find(node.inputs[i]); found != constants_.end()) return found->second;
    const OnnxNode* made = maker(node, i, "Constant");
    if (made == nullptr || !made->attributes.contains("value")) return nullptr;
    return std::get_if<OnnxTensor>(&made->attributes.at("value"));
  }
  std::optional<double> number(const OnnxNode& node, std::size_t i) const {
    const OnnxTensor* tensor = constant(node, i);
    const auto* values = tensor == nullptr ? nullptr : std::get_if<std::vector<float>>(&tensor->values);
    if (values == nullptr || values->size() != 1) return {};
    return values->front();
  }
  bool is_square_of(const OnnxNode& variance, const OnnxNode& centred) const {
    const auto is_centred = [&](const OnnxNode& node, std::size_t i) {
      const OnnxNode* other = maker(node, i, "Sub");
      return other != nullptr && (other == &centred || other->inputs == centred.inputs);
    };
    if (const OnnxNode* power = maker(variance, 0, "Pow")) return is_centred(*power, 0) && number(*power, 1) == 2.0;
    const OnnxNode* product = maker(variance, 0, "Mul");
    return product != nullptr && is_centred(*product, 0) && is_centred(*product, 1);
  }
  std::vector<std::int64_t> axes_of(const OnnxNode& mean) const {
    if (const auto found = mean.attributes.find("keepdims"); found != mean.attributes.end())
      if (const auto* keeps = std::get_if<std::int64_t>(&found->second); keeps == nullptr || *keeps != 1) return {};
    const OnnxTensor* tensor = constant(mean, 1);
    if (tensor != nullptr && std::holds_alternative<std::vector<std::int64_t>>(tensor->values))
      return std::get<std::vector<std::int64_t>>(tensor->values);
    const auto found = mean.attributes.find("axes");
    const auto* axes =
        found == mean.attributes.end() ? nullptr : std::get_if<std::vector<std::int64_t>>(&found->second);
    return axes == nullptr ? std::vector<std::int64_t>() : *axes;
  }

  std::map<std::string, const OnnxNode*> makers_;
  std::map<std::string, const OnnxTensor*> constants_;
};

}  // namespace

std::map<const OnnxNode*, OnnxNode> written_norms(const OnnxModel& model) {
  const Finder finder(model);
  std::map<const OnnxNode*, OnnxNode> norms;
  for (const OnnxNode& node : model.nodes)
    if (auto norm = finder.norm_ending_in(node)) norms.emplace(&node, std::move(*norm));
  return norms;
}

}  // namespace neon
