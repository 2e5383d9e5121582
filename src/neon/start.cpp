#include "neon/start.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/nearest.h"

namespace neon {
namespace {

constexpr std::string_view kNewLayers = "/new_layers";

/// The names of all nodes that these layers are made of.
std::set<std::string> nodes_of(const Graph& graph, std::span<const std::string> layers) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto named =
        std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.name == layers[i]; });
    if (named == graph.nodes.end()) {
      std::vector<std::string_view> known;
      for (const Node& node : graph.nodes) known.push_back(node.name);
      throw base::Error(base::Code::invalid_argument, base::unknown_word("layer", layers[i], known),
                        base::pointer_to(kNewLayers, std::to_string(i)));
    }
    for (const Node& node : graph.nodes)
      if (node.name == layers[i] || (!node.where.empty() && node.where == named->where)) names.insert(node.name);
  }
  return names;
}

std::string list(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 20;
  const std::span<const std::string> first(names.data(), std::min(names.size(), kMost));
  return fmt::format("{}{}", fmt::join(first, ", "),
                     names.size() > kMost ? fmt::format(" and {} more", names.size() - kMost) : "");
}

}  // namespace

std::vector<std::string> TakenWeights::lines() const {
  std::vector<std::string> lines{fmt::format("starts with {} parameters of the other model", parameters.size())};
  if (!fresh.empty()) lines.push_back("begin anew, not being in the other model: " + list(fresh));
  if (!left.empty()) lines.push_back("left behind, not being in this model: " + list(left));
  return lines;
}

TakenWeights take_weights(const Graph& graph, const Checkpoint& from, std::span<const std::string> new_layers) {
  std::map<std::string, const NamedTensor*> there;
  const std::vector<NamedTensor> weights = parameters_of(from);
  for (const NamedTensor& tensor : weights) there[tensor.name] = &tensor;
  const std::set<std::string> anew = nodes_of(graph, new_layers);
  TakenWeights result;
  std::vector<std::string> unlike;
  for (const Node& node : graph.nodes)
    for (const ParameterSpec& spec : node.parameters) {
      const std::string name = node.name + "/" + spec.name;
      const auto found = there.find(name);
      const tensor::Shape shape{spec.rows, spec.columns};
      if (found == there.end() || anew.contains(node.name))
        result.fresh.push_back(name);
      else if (found->second->shape != shape)
        unlike.push_back(
            fmt::format("{} is {} here and {} there", name, tensor::text(shape), tensor::text(found->second->shape)));
      else
        result.parameters.push_back(*found->second);
      if (found != there.end()) there.erase(found);
    }
  if (!unlike.empty())
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the model to start from has parameters of other shapes: {}. Name the layers that "
                                  "begin anew in new_layers",
                                  list(unlike)),
                      "/start_from");
  for (const auto& [name, tensor] : there) result.left.push_back(name);
  if (result.parameters.empty())
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the model to start from has no parameter that this model has; it has {}. Layers are "
                                  "matched by their names",
                                  list(result.left)),
                      "/start_from");
  return result;
}

std::vector<NamedTensor> parameters_in_header(std::string_view header) {
  constexpr std::string_view kParameters = "parameters/";
  std::vector<NamedTensor> parameters;
  try {
    for (const auto& entry : base::decode<base::json::object>(base::parse_json(header, "the header"))) {
      const std::string_view name = entry.key();
      if (!name.starts_with(kParameters)) continue;
      const auto& fields = base::decode<base::json::object>(entry.value());
      const base::json::value* shape = fields.if_contains("shape");
      if (shape == nullptr) throw base::Error(base::Code::data_loss, fmt::format("tensor '{}' has no shape", name));
      parameters.push_back({std::string(name.substr(kParameters.size())), base::decode<tensor::Shape>(*shape), {}});
    }
  } catch (const base::Error& error) {
    throw base::Error(base::Code::data_loss, "this is no checkpoint's header: " + error.message);
  }
  return parameters;
}

}  // namespace neon
