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
                             const std::optional<Part>& gate_activation_, bool reset_cells_)
    : cell(cell_),
      units(units_),
      init(Shelf<Initializer>::instance().make(init_)),
      init_inner(init_inner_ ? Shelf<Initializer>::instance().make(*init_inner_) : nullptr),
      activation(function_of_numbers(activation_)),
      gate_activation(gate_activation_ ? function_of_numbers(*gate_activation_) : nullptr),
      reset_cells(reset_cells_) {
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

RecurrentInputs::RecurrentInputs(const RecurrentKind& kind, std::span<const TensorSpec> in) {
  const auto refuse = [](std::string message) { throw base::Error(base::Code::invalid_argument, std::move(message)); };
  for (const TensorSpec& spec : in.first(std::min<std::size_t>(in.size(), 1)))
    if (spec.dtype != tensor::Dtype::f32)
      refuse("it takes numbers, but whole numbers (indices) come in; begin with a LookupTable");
  std::size_t next = 1;
  if (next < in.size() && in[next].is_length()) lengths = next++;
  if (kind.takes_state && next < in.size()) state = next++;
  if (in.empty() || next != in.size() || (kind.takes_state && state == 0))
    refuse(fmt::format("it takes a sequence, and perhaps the length of each, but {} inputs come in", in.size()));
  const std::int64_t size = tensor::parts_of_state(kind.cell) * kind.units;
  if (state > 0 && in[state].shape != tensor::Shape{size})
    refuse(
        fmt::format("it starts from a state of {} numbers, but {} come in; the layer that gives it must be of the "
                    "same type and have the same output_size",
                    size, tensor::text(in[state].shape)));
  if (lengths > 0 && kind.batch_norm)
    refuse("it normalises over all steps and cannot leave padding out; use BiRNN for sequences with lengths");
}

std::vector<TensorSpec> RecurrentLayer::infer(std::span<const TensorSpec> in) const {
  const RecurrentInputs inputs(kind_, in);
  const RecurrentParts parts(kind_, in[0].shape);
  std::vector<TensorSpec> outs{{{parts.directions * parts.units, parts.steps}}};
  if (kind_.gives_state) outs.push_back({{tensor::parts_of_state(kind_.cell) * parts.units}});
  return outs;
}

std::shared_ptr<const Layer> RecurrentLayer::with_states(bool takes, bool gives) const {
  if (kind_.both_directions) return nullptr;
  RecurrentKind kind = kind_;
  kind.takes_state = takes;
  kind.gives_state = gives;
  return std::make_shared<RecurrentLayer>(std::move(kind), name_);
}

std::vector<ParameterSpec> RecurrentLayer::parameters(std::span<const TensorSpec> in) const {
  const RecurrentParts parts(kind_, in[0].shape);
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

/// The rows that come in and the states, in the order of time; what all gates are made of; and what the cells keep: of
/// lstm c and its function, of gru r∘h.
double RecurrentLayer::kept_per_example(std::span<const TensorSpec> in) const {
  const RecurrentParts parts(kind_, in[0].shape);
  const std::int64_t cell = kind_.cell == tensor::Cell::lstm ? 2 : kind_.cell == tensor::Cell::gru ? 1 : 0;
  return static_cast<double>(parts.directions * parts.steps) *
         static_cast<double>(parts.inputs + parts.sums + (1 + cell) * parts.units);
}

double RecurrentLayer::operations(std::span<const TensorSpec> in) const {
  const RecurrentParts parts(kind_, in[0].shape);
  return static_cast<double>(parts.rows()) * static_cast<double>(parts.sums) * static_cast<double>(parts.steps);
}

}  // namespace neon
