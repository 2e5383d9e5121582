#pragma once
#include <string>
#include <vector>

#include "neon/cost_terms.h"

namespace neon {

/// Whether the output that a cost reads is made by the activation that the cost's short-cut gradient belongs with, and
/// read by nobody else, so that the two are differentiated as one. Otherwise both give their true derivatives. Where
/// the partner is a Logistic it does not matter whether the model file asks for the short cut: the gradient is the
/// same, only more exact.
bool takes_shortcut(const Graph& graph, const std::vector<CostTerm>& costs, const CostTerm& term);

/// What is legal and computed as written, but surely not what was meant: costs without their activation, activations
/// without their cost. One line each, naming cost, layer and partner.
std::vector<std::string> pairing_warnings(const Graph& graph, const std::vector<CostTerm>& costs);

}  // namespace neon
