#pragma once
#include <memory>
#include <string>
#include <vector>

#include "neon/cost.h"
#include "neon/graph.h"

namespace neon {

/// A cost at an output of the graph. What training makes small is the sum over its terms of weight·cost.
struct CostTerm {
  std::shared_ptr<const Cost> cost;
  std::string name = {};     ///< its class
  std::size_t output = 0;    ///< of the graph
  std::int64_t target = -1;  ///< of the batch; -1: that of the output, or the only one
  std::int64_t mask = -1;    ///< target of the batch whose numbers outputs and targets are multiplied by; -1: none
  double weight = 1;
  bool of_generator = false;  ///< in the generator's steps, where two networks train against each other

  /// Which of so many targets of a batch it reads.
  std::size_t target_among(std::size_t count) const {
    return target >= 0 ? static_cast<std::size_t>(target) : count == 1 ? 0 : output;
  }
};

/// The terms that a model's `cost` stands for: a cost function by name, GeneralizedCost(costfunc),
/// GeneralizedGANCost(costfunc), GeneralizedCostMask(costfunc, weights), or Multicost(costs, weights) with one for each
/// output. Where there is a mask the targets of a batch are, cost by cost, the target and the mask of those that have
/// one. Errors: invalid_argument with its place; also when there is not a term for each output of the graph, or two
/// networks train against each other and it is no GANCost.
std::vector<CostTerm> cost_terms(const Part& cost);
std::vector<CostTerm> cost_terms(const Part& cost, const Graph& graph);

/// That the outputs are such as these targets can be compared with; none: nothing is known of them. Errors:
/// invalid_argument naming the layer and the numbers.
void check_targets(const Graph& graph, std::span<const CostTerm> costs, std::span<const tensor::Column> targets);

}  // namespace neon
