#include "neon/layers/recurrent_layer.h"

#include "base/error.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// Each gate's block of each matrix by itself, as if it were a layer's weights; biases are zeros.
class InitialParts final : public Initializer {
 public:
  InitialParts(const RecurrentKind& kind, const RecurrentParts& parts)
      : init_(kind.init), init_inner_(kind.init_inner), parts_(parts) {}

  void fill(std::span<float> out, std::int64_t, std::int64_t, base::Random& random) const override {
    std::fill(out.begin(), out.end(), 0.0f);
    const auto fill_gates = [&](const Initializer& init, std::int64_t begin, std::int64_t columns) {
      const std::int64_t size = parts_.units * columns;
      for (std::int64_t gate = 0; gate < parts_.sums / parts_.units; ++gate)
        init.fill(out.subspan(static_cast<std::size_t>(begin + gate * size), static_cast<std::size_t>(size)),
                  parts_.units, columns, random);
    };
    for (std::int64_t d = 0; d < parts_.directions; ++d) fill_gates(*init_, parts_.for_input(d), parts_.inputs);
    for (std::int64_t d = 0; d < parts_.directions; ++d) fill_gates(*init_inner_, parts_.for_state(d), parts_.units);
  }

 private:
  std::shared_ptr<const Initializer> init_, init_inner_;
  RecurrentParts parts_;
};

std::shared_ptr<const Transform> function_of_numbers(const Part& part) {
  std::shared_ptr<const Transform> transform = Shelf<Transform>::instance().make(part);
  if (!transform->is_element_wise())
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("a recurrent layer applies its activations to single numbers, but {} is a function of "
                    "whole rows; Tanh and Logistic are usual",
                    part.type),
        part.where);
  return transform;
}

}  // namespace

RecurrentKind::RecurrentKind(tensor::Cell cell_, std::int64_t units_, const Part& init_,
                             const std::optional<Part>& init_inner_, const Part& activation_,
                             const std::optional<Part>& gate_activation_)
    : cell(cell_),
      units(units_),
      init(Shelf<Initializer>::instance().make(init_)),
      init_inner(init_inner_ ? Shelf<Initializer>::instance().make(*init_inner_) : nullptr),
      activation(function_of_numbers(activation_)),
      gate_activation(gate_activation_ ? function_of_numbers(*gate_activation_) : nullptr) {
  if (!init_inner) init_inner = init;
}

RecurrentParts::RecurrentParts(const RecurrentKind& kind, const tensor::Shape& in) {
  if (in.size() < 2)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("a recurrent layer reads sequences (features, time steps), but {} comes in; Reshape to "
                    "two extents, or start with a LookupTable",
                    tensor::text(in)));
  steps = in.back();
  inputs = tensor::element_count(in) / steps;
  directions = kind.both_directions ? 2 : 1;
  if (kind.split_inputs) {
    if (inputs % 2 != 0)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("split_inputs gives each direction half of the features, but {} come in", inputs));
    inputs /= 2;
  }
  units = kind.units;
  sums = tensor::gates_of(kind.cell) * units;
}

tensor::Shape RecurrentLayer::out_shape(const tensor::Shape& in) const {
  const RecurrentParts parts(kind_, in);
  return {parts.directions * parts.units, parts.steps};
}

std::vector<ParameterSpec> RecurrentLayer::parameters(const tensor::Shape& in) const {
  const RecurrentParts parts(kind_, in);
  std::vector<ParameterSpec> specs{
      {"W", {parts.rows(), parts.sums}, parts.rows(), parts.sums, false, std::make_shared<InitialParts>(kind_, parts)}};
  if (!kind_.batch_norm) return specs;
  const std::int64_t c = parts.directions * parts.sums;
  specs.push_back({"gamma", {c}, c, 1, false, nullptr, 1.0f});
  specs.push_back({"beta", {c}, c, 1, false, nullptr, 0.0f});
  specs.push_back({"gmean", {c}, c, 1, false, nullptr, 0.0f, false, kind_.how.rho});
  specs.push_back({"gvar", {c}, c, 1, false, nullptr, 0.0f, false, kind_.how.rho});
  return specs;
}

double RecurrentLayer::operations(const tensor::Shape& in) const {
  const RecurrentParts parts(kind_, in);
  return static_cast<double>(parts.rows()) * static_cast<double>(parts.sums) * static_cast<double>(parts.steps);
}

}  // namespace neon
