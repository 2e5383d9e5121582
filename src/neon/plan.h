#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "neon/checkpoint.h"
#include "neon/cost_terms.h"
#include "neon/graph.h"
#include "neon/optimizer.h"
#include "tensor/batch.h"

namespace neon {

class Plan;

struct PlanOptions {
  std::int64_t batch_size = 128;
  int threads = 0;                              ///< at most so many; 0: as many as there are processors
  std::vector<tensor::Column> inputs;           ///< what a batch brings; none: what the graph's layers see
  std::vector<tensor::Column> targets;          ///< likewise; none: a class index
  std::uint64_t seed = 0;                       ///< of the initial weights and of dropout
  std::vector<CostTerm> costs;                  ///< none: the plan only predicts
  std::shared_ptr<const Optimizer> optimizer;   ///< absent: train_step computes gradients and updates nothing
  std::int64_t batches_per_update = 1;          ///< over 1: gradients are summed until a step updates
  std::optional<WeightAverage> weight_average;  ///< keep a running mean of what is learned
  bool input_gradient = false;                  ///< also compute the gradient of the input
  bool streams = false;              ///< rows go on from batch to batch: layers with states keep them (forget_states)
  const Plan* weights_of = nullptr;  ///< use the weights of this plan, which must live longer; for predicting
  std::string only_kernels;          ///< where there are several candidates, only this one, such as tensor::kPlainLoops

  bool trains() const { return !costs.empty(); }
  /// What a batch brings for the graph's input i: bytes may stand for numbers.
  tensor::Dtype dtype_of(std::size_t i, const TensorSpec& input) const {
    return i < inputs.size() ? inputs[i].dtype : input.dtype;
  }
};

/// Which step of a training this is.
struct TrainingStep {
  std::int64_t epoch = 0;   ///< from 0
  std::int64_t step = 1;    ///< batches so far, this one included
  std::int64_t update = 0;  ///< updates so far, the one that this batch is for included; 0: one for each step
  std::int64_t summed = 0;  ///< batches before this one whose gradients wait for that update
  bool updates = true;      ///< this batch is the last before it
};

/// What one step of a plan runs, for people.
struct StepNote {
  std::string name;
  std::string layer;      ///< absent for steps that belong to none
  std::string stage;      ///< forward, cost, backward or update
  std::string kernel;     ///< the kernel's own name
  std::string candidate;  ///< how it was asked for; empty where there was nothing to choose
  std::vector<std::pair<std::string, std::string>> refused;  ///< candidates before it, with their reasons
  std::vector<std::string> layouts;  ///< of its arguments, "src f32 (128, 16, 28, 28) blocked by b8"
  int threads = 1;
};

/// The shortest time of one step of the list over some runs; others on the machine disturb the longer ones.
struct StepTime {
  StepNote step;
  double microseconds = 0;
};

/// A graph made executable for one batch size: an ordered list of steps with all kernels made, all memory booked in one
/// arena. Running a step allocates nothing.
/// Threads: one caller at a time, any thread. Outputs hold until the next call.
class Plan {
 public:
  ~Plan();

  /// One training step on the whole batch: gradients, and the update where the step has one. Returns the weighted sum
  /// of the costs, each the mean of the rows (of the examples, or of their time steps where the output is a sequence),
  /// before the update. When that is not a number the weights stay as they were. Errors: invalid_argument for a batch
  /// of another shape or a class index out of range.
  double train_step(const tensor::Batch& batch, const TrainingStep& step);

  /// Where two networks train against each other: what the generator's last step in this plan cost. Training steps
  /// return the discriminator's cost.
  std::optional<double> generator_cost() const;

  /// The main output (batch size, out_count) as prediction computes it. Training state stays as it is.
  std::span<const float> infer(std::span<const tensor::Tensor> inputs);
  std::span<const float> infer(const tensor::Tensor& input) { return infer(std::span(&input, 1)); }
  /// Output i as the last infer left it.
  std::span<const float> output(std::size_t i) const;

  /// Predicts the rows of a batch that count and compares them with their targets.
  /// Errors: as train_step.
  struct Comparison {
    double cost = 0;  ///< weighted sum of the costs of what is predicted, mean of the rows
    double weight =
        0;  ///< of this mean among those of other batches: examples, or real steps of sequences with lengths
    /// (rows, columns) of the main output, a row for each example, or for each step of each; class indices as one-hot
    /// rows. Without rows that its cost masks wholly. Where its cost compares whole sequences these are all steps of
    /// all examples, one example after the other, padding included.
    std::span<const float> outputs, targets;
    std::int64_t rows = 0, columns = 0;
    std::int64_t sequences = 0;             ///< so many whole sequences are compared; 0: rows are
    std::span<const std::int32_t> lengths;  ///< of them; empty: all steps are real
  };
  Comparison compare(const tensor::Batch& batch);

  /// In neon's shapes (rows, columns), named "<layer>/<parameter>"; optimizer states "<layer>/<parameter>/<number>".
  std::vector<NamedTensor> export_parameters() const;
  std::vector<NamedTensor> export_optimizer_states() const;
  std::vector<NamedTensor> export_gradients() const;  ///< of the last step, or the sum since the last update
  std::vector<NamedTensor> export_averages() const;   ///< of what is learned; empty unless the plan averages
  std::vector<float> export_input_gradient() const;   ///< row-major; empty unless asked for

  /// Where rows go on from batch to batch: the next batch begins new sequences, in training and in prediction, which
  /// have their own states.
  void forget_states();
  /// What the examples of the last training step left each layer with that carries states, "<layer>/state" (batch size,
  /// numbers); empty unless options.streams.
  std::vector<NamedTensor> export_carried_states() const;
  void import_carried_states(std::span<const NamedTensor> tensors);

  /// What layers that keep running statistics take of one batch in training: named as parameters, not mixed with those
  /// before. Weights and running statistics stay as they are. Frozen layers take none.
  std::vector<NamedTensor> batch_statistics(const tensor::Batch& batch, const TrainingStep& step);

  double gradient_norm() const;  ///< ‖all gradients‖₂ of the last step, summed over its batch
  double weight_norm() const;    ///< ‖all learned parameters‖₂

  /// Names what is not finite: "W of layer 'fc1'", of weights and optimizer states; or the first layer whose outputs
  /// for the batch of the last call of train_step (`training`) or infer are not, by computing them again. Empty when
  /// all is.
  std::string parameter_not_finite() const;
  std::string output_not_finite(bool training);

  /// Errors: invalid_argument naming what is missing, unknown or of another shape.
  void import_parameters(std::span<const NamedTensor> tensors);
  void import_some_parameters(std::span<const NamedTensor> tensors);  ///< the others stay
  void import_optimizer_states(std::span<const NamedTensor> tensors);
  void import_gradients(std::span<const NamedTensor> tensors);
  void import_averages(std::span<const NamedTensor> tensors);

  /// Changes places: what are weights become averages and what are averages become weights.
  void swap_averages();

  const Graph& graph() const;
  const PlanOptions& options() const;
  int threads() const;                 ///< those that the plan decided to use
  std::size_t memory_bytes() const;    ///< of the arena
  std::size_t unshared_bytes() const;  ///< what it would be if no two buffers shared a place
  /// The steps of a training step or of a prediction, in order.
  std::vector<StepNote> notes(bool training) const;
  /// How long each takes: of a training step when the plan trains.
  std::vector<StepTime> profile(const tensor::Batch& batch, int repeats);

 private:
  friend std::unique_ptr<Plan> compile(const Graph& graph, const PlanOptions& options);
  friend class PlanMaker;
  struct State;
  explicit Plan(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// While it lives, a plan's weights are those that evaluations are made with: the averages, where it keeps some for
/// that.
class EvaluatedWeights {
 public:
  explicit EvaluatedWeights(Plan& plan)
      : plan_(plan), swapped_(plan.options().weight_average && plan.options().weight_average->evaluate) {
    if (swapped_) plan_.swap_averages();
  }
  ~EvaluatedWeights() {
    if (swapped_) plan_.swap_averages();
  }
  EvaluatedWeights(const EvaluatedWeights&) = delete;
  EvaluatedWeights& operator=(const EvaluatedWeights&) = delete;

 private:
  Plan& plan_;
  bool swapped_;
};

/// The layers that the steps of another one do as well: "conv1" → {"conv1_bias", "conv1_Rectlin"}.
std::vector<std::pair<std::string, std::vector<std::string>>> joined_layers(const Graph& graph);

/// The last place that may allocate or fail for reasons of shape. The weights get their initial values.
std::unique_ptr<Plan> compile(const Graph& graph, const PlanOptions& options);

}  // namespace neon
