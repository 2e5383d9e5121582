#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "neon/checkpoint.h"
#include "neon/graph.h"

namespace neon {

/// How the parameters of a network come from another model: those of equal names are the same.
struct TakenWeights {
  std::vector<NamedTensor> parameters;  ///< to begin with, one for each that was found
  std::vector<std::string> fresh;  ///< parameters of the network that are not there; they keep their initial values
  std::vector<std::string> left;   ///< parameters of the other model that the network does not have

  /// For people, a line each: what was taken, what begins anew, what was left behind.
  std::vector<std::string> lines() const;
};

/// `new_layers` are names as the model file has them; what a compound of that name is made of is new as well.
/// Errors: invalid_argument naming every parameter of another shape whose layer is not new, an unknown new layer, or
/// when there is nothing to take.
TakenWeights take_weights(const Graph& graph, const Checkpoint& from, std::span<const std::string> new_layers);

/// Names and shapes of the parameters, without their values, from the header of a checkpoint's file: enough to see
/// whether they fit. Errors: data_loss when it is none.
std::vector<NamedTensor> parameters_in_header(std::string_view header);

}  // namespace neon
