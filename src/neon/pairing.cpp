#include "neon/pairing.h"

#include <fmt/format.h>

#include <algorithm>

namespace neon {
namespace {

/// The cost of rows whose short-cut gradient belongs with this activation.
std::string_view cost_of(std::string_view activation) {
  for (const auto& [name, member] : Shelf<Cost>::instance().members())
    if (const auto cost = member.make({}, ""); !cost->compares_sequences() && cost->shortcut_activation() == activation)
      return name;
  return {};
}

}  // namespace

bool takes_shortcut(const Graph& graph, const std::vector<CostTerm>& costs, const CostTerm& term) {
  const Node* last = graph.maker_of(term.output);
  if (last == nullptr) return false;
  const std::string_view activation = last->layer->activation();
  const int edge = graph.outputs[term.output];
  const auto reads = [&](const CostTerm& other) {
    return graph.outputs[other.output] == edge && other.of_generator == term.of_generator;
  };
  return !activation.empty() && activation == term.cost->shortcut_activation() &&
         graph.edges[static_cast<std::size_t>(edge)].consumers.empty() &&
         std::count_if(costs.begin(), costs.end(), reads) == 1;
}

std::vector<std::string> pairing_warnings(const Graph& graph, const std::vector<CostTerm>& costs) {
  std::vector<std::string> warnings;
  std::map<const Node*, std::string> told;  // activations before a cost, with its name; empty when nothing is to say
  for (const CostTerm& term : costs) {
    const Node* last = graph.maker_of(term.output);
    if (last == nullptr) continue;
    const std::string_view came = last->layer->activation(), wanted = term.cost->shortcut_activation();
    const bool fits = takes_shortcut(graph, costs, term);
    if (!fits && !wanted.empty())
      warnings.push_back(
          fmt::format("the cost {} is made for the activation {}, but the last layer '{}' {}; make {} the "
                      "last activation, or use another cost",
                      term.name, wanted, last->name, came.empty() ? "has none" : fmt::format("has {}", came), wanted));
    told[last] = fits || !wanted.empty() ? "" : fmt::format("before {}", term.name);
  }
  for (const Node& node : graph.nodes) {
    const auto transform = node.layer->transform();
    if (!transform || !transform->is_shortcut()) continue;
    const auto before = told.find(&node);
    if (before != told.end() && before->second.empty()) continue;
    warnings.push_back(fmt::format(
        "layer '{}': the activation {} as it is written belongs right before the cost {}, not {}; its true derivative "
        "is taken",
        node.name, node.layer->activation(), cost_of(node.layer->activation()),
        before == told.end() ? "inside the network" : before->second));
  }
  return warnings;
}

}  // namespace neon
