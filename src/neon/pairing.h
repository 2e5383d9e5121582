#pragma once
#include <string>
#include <vector>

#include "neon/cost.h"
#include "neon/graph.h"

namespace neon {

/// Whether the last layer is the activation that the cost's short-cut gradient belongs with, so that the two are
/// differentiated as one. Otherwise both give their true derivatives. Where the partner is a Logistic it does not
/// matter whether the model file asks for the short cut: the gradient is the same, only more exact.
bool takes_shortcut(const Graph& graph, const Cost& cost);

/// What is legal and computed as written, but surely not what was meant: costs without their activation, activations
/// without their cost. One line each, naming cost, layer and partner.
std::vector<std::string> pairing_warnings(const Graph& graph, const Cost& cost, std::string_view cost_name);

}  // namespace neon
