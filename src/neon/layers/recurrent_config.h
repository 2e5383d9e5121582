#pragma once
// The configurations of recurrent layers: with gates or without, in one direction of time or both.
#include <tuple>

#include "neon/layers/recurrent_layer.h"

namespace neon {

struct RecurrentConfig {
  std::int64_t output_size = 0;
  Part init;
  std::optional<Part> init_inner;
  Part activation;
  bool reset_cells = false;
  std::optional<std::string> name;
  static constexpr auto fields() {
    using C = RecurrentConfig;
    return std::tuple(
        base::field("output_size", &C::output_size, "numbers in the state, which is the output").positive().required(),
        base::field("init", &C::init, "how the weights of the inputs start, each gate by itself").required(),
        base::field("init_inner", &C::init_inner, "the same for the weights of the state; `init` without"),
        base::field("activation", &C::activation, "of the new state; Tanh is usual").required(),
        base::field(
            "reset_cells", &C::reset_cells,
            "whether each batch starts from a state of 0; without it layers in one direction of time go on from "
            "batch to batch where the data are `streams`"),
        base::field("name", &C::name, "a name, unique in the model"));
  }
  RecurrentKind kind(tensor::Cell cell) const {
    return {cell, output_size, init, init_inner, activation, {}, reset_cells};
  }
};

struct GatedConfig : RecurrentConfig {
  Part gate_activation;
  static constexpr auto fields() {
    return std::tuple_cat(
        RecurrentConfig::fields(),
        std::tuple(base::field("gate_activation", &GatedConfig::gate_activation, "of the gates; Logistic is usual")
                       .required()));
  }
  RecurrentKind kind(tensor::Cell cell) const {
    return {cell, output_size, init, init_inner, activation, gate_activation, reset_cells};
  }
};

template <class OneDirection>
struct BothDirections : OneDirection {
  bool split_inputs = false;
  static constexpr auto fields() {
    return std::tuple_cat(OneDirection::fields(),
                          std::tuple(base::field(
                              "split_inputs", &BothDirections::split_inputs,
                              "the forward direction reads the first half of the features, the other one the second")));
  }
  RecurrentKind kind(tensor::Cell cell) const {
    RecurrentKind kind = OneDirection::kind(cell);
    kind.both_directions = true;
    kind.split_inputs = split_inputs;
    return kind;
  }
};

}  // namespace neon
