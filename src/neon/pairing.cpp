#include "neon/pairing.h"

#include <fmt/format.h>

namespace neon {
namespace {

/// The cost whose short-cut gradient belongs with this activation.
std::string_view cost_of(std::string_view activation) {
  for (const auto& [name, member] : Shelf<Cost>::instance().members())
    if (member.make({}, "")->shortcut_activation() == activation) return name;
  return {};
}

}  // namespace

bool takes_shortcut(const Graph& graph, const Cost& cost) {
  const std::string_view last = graph.nodes.back().layer->activation();
  return !last.empty() && last == cost.shortcut_activation();
}

std::vector<std::string> pairing_warnings(const Graph& graph, const Cost& cost, std::string_view cost_name) {
  std::vector<std::string> warnings;
  const Node& last = graph.nodes.back();
  const std::string_view came = last.layer->activation(), wanted = cost.shortcut_activation();
  const bool fits = takes_shortcut(graph, cost);
  if (!fits && !wanted.empty())
    warnings.push_back(
        fmt::format("the cost {} is made for the activation {}, but the last layer '{}' {}; make {} the "
                    "last activation, or use another cost",
                    cost_name, wanted, last.name, came.empty() ? "has none" : fmt::format("has {}", came), wanted));
  for (const Node& node : graph.nodes) {
    const bool is_last = &node == &last;
    if (!(node.layer->transform() && node.layer->transform()->is_shortcut()) || (is_last && (fits || !wanted.empty())))
      continue;
    warnings.push_back(fmt::format(
        "layer '{}': the activation {} as it is written belongs right before the cost {}, not {}; its true derivative "
        "is taken",
        node.name, node.layer->activation(), cost_of(node.layer->activation()),
        is_last ? fmt::format("before {}", cost_name) : "inside the network"));
  }
  return warnings;
}

}  // namespace neon
