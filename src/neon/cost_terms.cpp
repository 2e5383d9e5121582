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

void check_targets(const Graph& graph, std::span<const CostTerm> costs, std::span<const tensor::Column> targets) {
  for (const CostTerm& term : costs) {
    if (term.output >= graph.outputs.size())
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("there is a cost for output {}, but the network has {}", term.output, graph.outputs.size()));
    const Node* maker = graph.maker_of(term.output);
    const auto refuse = [&](const std::string& why) {
      throw base::Error(base::Code::invalid_argument,
                        maker == nullptr ? why : fmt::format("the last layer '{}': {}", maker->name, why),
                        maker == nullptr ? "" : maker->where);
    };
    if (targets.empty() || !term.cost->reads_target()) continue;
    const std::size_t which = term.target_among(targets.size());
    if (which >= targets.size())
      refuse(fmt::format("output {} needs a target of its own, but the data has {}", term.output, targets.size()));
    const tensor::Column& target = targets[which];
    const std::int64_t rows = graph.rows_per_example(term.output), count = tensor::element_count(target.shape);
    if (target.dtype == tensor::Dtype::f32 && count != graph.out_count(term.output))
      refuse(fmt::format("its outputs are {}, {} numbers, but the targets of the data are {}, {} numbers",
                         tensor::text(graph.out_shape(term.output)), graph.out_count(term.output),
                         tensor::text(target.shape), count));
    if (target.dtype != tensor::Dtype::f32 && count != rows)
      refuse(fmt::format("its outputs are {}, so a record needs {} class {}, but the data brings {}",
                         tensor::text(graph.out_shape(term.output)), rows, rows == 1 ? "index" : "indices",
                         tensor::text(target.shape)));
    if (term.mask < 0) continue;
    if (term.cost->compares_sequences())
      refuse(fmt::format("the cost {} compares whole sequences and cannot be masked", term.name));
    if (static_cast<std::size_t>(term.mask) >= targets.size())
      refuse(fmt::format("its cost needs a mask after the target, but the data has {} targets", targets.size()));
    const tensor::Column& mask = targets[static_cast<std::size_t>(term.mask)];
    if (mask.dtype != tensor::Dtype::f32)
      refuse(fmt::format("target {} of the data is a mask and must be numbers, not indices", term.mask));
    const std::int64_t each = tensor::element_count(mask.shape), all = graph.out_count(term.output);
    if (each != all && each != rows && each != 1)
      refuse(fmt::format("target {} of the data is the mask of output {} and must have {} numbers, {} or one, got {}",
                         term.mask, term.output, all, rows, tensor::text(mask.shape)));
  }
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
