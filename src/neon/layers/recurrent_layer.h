#pragma once
#include "neon/layer.h"
#include "neon/lowering/sequence.h"
#include "tensor/recurrent.h"

namespace neon {

/// What a recurrent layer is made of; Recurrent, LSTM, GRU and the layers of both directions differ in nothing else.
struct RecurrentKind {
  tensor::Cell cell = tensor::Cell::simple;
  std::int64_t units = 0;
  std::shared_ptr<const Initializer> init, init_inner;
  std::shared_ptr<const Transform> activation, gate_activation;
  bool both_directions = false;
  bool split_inputs = false;  ///< the forward direction reads the first half of the inputs, the other one the second
  bool batch_norm = false;    ///< of what the inputs give, over batch and time
  tensor::Normalisation how;  ///< that
  bool takes_state = false;   ///< a further input is the state to start from
  bool gives_state = false;   ///< a second output is the state after the last real step
  bool reset_cells = false;   ///< starts from zeros in every batch, also of streams

  /// Whether in streams each batch starts from the last states of the one before.
  bool carries_state() const { return !reset_cells && !both_directions && !takes_state; }

  RecurrentKind(tensor::Cell cell, std::int64_t units, const Part& init, const std::optional<Part>& init_inner,
                const Part& activation, const std::optional<Part>& gate_activation, bool reset_cells);
};

/// The parts of a layer's one tensor W, ((inputs + units + 1) per direction, gates·units), as neon stores it: for each
/// direction a matrix for the inputs, then for each one for the state, then for each the biases. Each is row-major in a
/// shape of its own, one after the other: they are no columns or rows of W.
struct RecurrentParts {
  std::int64_t inputs = 0, steps = 0;  ///< of one direction
  std::int64_t units = 0, sums = 0;    ///< sums: gates·units
  std::int64_t directions = 1;

  RecurrentParts(const RecurrentKind& kind, const tensor::Shape& in);
  std::int64_t rows() const { return directions * (inputs + units + 1); }
  std::int64_t for_input(std::int64_t direction) const { return direction * inputs * sums; }  // (sums, inputs)
  std::int64_t for_state(std::int64_t direction) const {                                      // (sums, units)
    return (directions * inputs + direction * units) * sums;
  }
  std::int64_t bias(std::int64_t direction) const {  // (sums)
    return (directions * (inputs + units) + direction) * sums;
  }
};

/// The inputs of a recurrent layer: the sequence, then, if there are any, its length and the state to start from.
struct RecurrentInputs {
  std::size_t lengths = 0, state = 0;  ///< 0: absent
  /// Errors: invalid_argument naming what is there instead.
  RecurrentInputs(const RecurrentKind& kind, std::span<const TensorSpec> in);
};

class RecurrentLayer : public Layer {
 public:
  RecurrentLayer(RecurrentKind kind, std::optional<std::string> name)
      : kind_(std::move(kind)), name_(std::move(name)) {}

  std::optional<std::string> given_name() const final { return name_; }
  std::vector<TensorSpec> infer(std::span<const TensorSpec> in) const final;
  std::vector<ParameterSpec> parameters(std::span<const TensorSpec> in) const final;
  std::int64_t statistics_per_example(std::span<const TensorSpec> in) const final {
    return kind_.batch_norm ? RecurrentParts(kind_, in[0].shape).steps : 0;
  }
  double operations(std::span<const TensorSpec> in) const final;
  double kept_per_example(std::span<const TensorSpec> in) const final;
  int reads_lengths_of() const final { return 0; }
  Sight sight(std::size_t input) const final {
    return input == 0 && !kind_.both_directions ? Sight::before : Sight::whole;
  }
  bool carries_state() const final { return kind_.carries_state(); }
  std::shared_ptr<const Layer> with_states(bool takes, bool gives) const final;
  std::unique_ptr<LayerSteps> lower(const Group& group) const final;
  std::vector<std::string> onnx(OnnxNodes& nodes) const final;
  void reference_forward(Reference& r) const final;
  void reference_backward(Reference& r) const final;

 private:
  RecurrentKind kind_;
  std::optional<std::string> name_;
};

}  // namespace neon
