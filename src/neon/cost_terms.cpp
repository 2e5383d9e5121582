#include "neon/cost_terms.h"

#include <algorithm>

#include "base/error.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// The nodes that costs are written with, besides the costs themselves. Source: neon 2.6, "Cost layers".
struct Generalized {
  Part costfunc;
  std::optional<std::string> name;
  static constexpr auto fields() {
    return std::tuple(base::field("costfunc", &Generalized::costfunc, "the cost function").required(),
                      base::field("name", &Generalized::name, "a name; for reading only"));
  }
};

/// Outputs and targets are multiplied by a mask, which comes after the target. What is masked counts in the mean.
struct Masked {
  Part costfunc;
  double weights = 1.0;
  std::optional<std::string> name;
  static constexpr auto fields() {
    return std::tuple(base::field("costfunc", &Masked::costfunc, "the cost function").required(),
                      base::field("weights", &Masked::weights, "factor of the cost"),
                      base::field("name", &Masked::name, "a name; for reading only"));
  }
};

struct Multicost {
  std::vector<Part> costs;
  std::vector<double> weights;
  std::optional<std::string> name;
  static constexpr auto fields() {
    return std::tuple(base::field("costs", &Multicost::costs, "one for each output, in order").required(),
                      base::field("weights", &Multicost::weights, "of the costs; 1 without"),
                      base::field("name", &Multicost::name, "a name; for reading only"));
  }
};

/// Adds the terms of a cost for the next outputs.
void add_terms(const Part& part, double weight, std::vector<CostTerm>& terms) {
  const std::string config = base::pointer_to(part.where, "config");
  if (part.type == "GeneralizedCost" || part.type == "GeneralizedGANCost")
    return add_terms(base::decode<Generalized>(part.config, config).costfunc, weight, terms);
  if (part.type == "GeneralizedCostMask") {
    const auto masked = base::decode<Masked>(part.config, config);
    terms.push_back({Shelf<Cost>::instance().make(masked.costfunc), masked.costfunc.type, terms.size(), -1, 0,
                     weight * masked.weights});
    return;
  }
  if (part.type != "Multicost") {
    terms.push_back({Shelf<Cost>::instance().make(part), part.type, terms.size(), -1, -1, weight});
    return;
  }
  const auto multicost = base::decode<Multicost>(part.config, config);
  if (multicost.costs.empty())
    throw base::Error(base::Code::invalid_argument, "costs is empty; one is needed for each output",
                      base::pointer_to(config, "costs"));
  if (!multicost.weights.empty() && multicost.weights.size() != multicost.costs.size())
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("weights has {} numbers for {} costs; each cost needs one", multicost.weights.size(),
                                  multicost.costs.size()),
                      base::pointer_to(config, "weights"));
  for (std::size_t i = 0; i < multicost.costs.size(); ++i)
    add_terms(multicost.costs[i], weight * (multicost.weights.empty() ? 1 : multicost.weights[i]), terms);
}

}  // namespace

std::vector<CostTerm> cost_terms(const Part& cost) {
  std::vector<CostTerm> terms;
  add_terms(cost, 1, terms);
  const auto is_masked = [](const CostTerm& term) { return term.mask >= 0; };
  if (std::none_of(terms.begin(), terms.end(), is_masked)) return terms;
  std::int64_t next = 0;
  for (CostTerm& term : terms) {
    term.target = next++;
    if (is_masked(term)) term.mask = next++;
  }
  return terms;
}

namespace {

/// The three terms of a GANCost.
std::vector<CostTerm> terms_of_adversaries(const Part& cost) {
  if (cost.type == "GeneralizedCost" || cost.type == "GeneralizedGANCost")
    return terms_of_adversaries(
        base::decode<Generalized>(cost.config, base::pointer_to(cost.where, "config")).costfunc);
  if (cost.type != "GANCost" || cost.config.contains("cost_type"))
    throw base::Error(base::Code::invalid_argument,
                      "a GenerativeAdversarial trains with the cost GANCost, and without a cost_type", cost.where);
  const auto of_type = [&](std::string_view type) {
    Part term = cost;
    term.config["cost_type"] = type;
    return std::shared_ptr<const Cost>(Shelf<Cost>::instance().make(term));
  };
  return {{.cost = of_type("dis_noise"), .name = cost.type, .output = kSaidOfMade},
          {.cost = of_type("dis_data"), .name = cost.type, .output = kSaidOfData},
          {.cost = of_type("gen"), .name = cost.type, .output = kSaidOfMade, .of_generator = true}};
}

}  // namespace

std::vector<CostTerm> cost_terms(const Part& cost, const Graph& graph) {
  if (graph.adversaries) return terms_of_adversaries(cost);
  std::vector<CostTerm> terms = cost_terms(cost);
  if (terms.size() != graph.outputs.size())
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the model has {} outputs, but the cost has {} terms; write a Multicost with a cost "
                                  "for each output",
                                  graph.outputs.size(), terms.size()),
                      cost.where);
  return terms;
}

}  // namespace neon
