#pragma once
// What a plan consists of; for plan.cpp, which runs it, and plan_maker.cpp, which makes it.
#include <algorithm>

#include "neon/lowering/lowering.h"
#include "neon/plan.h"

namespace neon {

struct Plan::State {
  /// A layer's outputs, and how many steps make them.
  struct Output {
    const Node* node = nullptr;
    const std::byte* data = nullptr;  ///< absent when they come with each step
    std::size_t size_bytes = 0;
    std::size_t steps = 0;
  };

  /// What one layer carries from batch to batch in one phase.
  struct Carried {
    const Node* node = nullptr;
    Phase phase = Phase::train;
    tensor::Shape shape;
    std::byte* data = nullptr;
    std::size_t count() const { return static_cast<std::size_t>(tensor::element_count(shape)); }
  };

  State(const Graph& graph_, const PlanOptions& options_, int threads_)
      : graph(graph_), options(options_), threads(threads_) {}

  Graph graph;
  PlanOptions options;
  int threads;
  Program program;
  OfPhases<std::vector<std::vector<Use>>> input_uses;  ///< of each phase: of each input
  std::vector<std::byte*> targets;                     ///< of each cost: (rows, columns) f32
  std::vector<std::byte*> masks;                       ///< likewise; absent where a cost has none
  std::vector<std::vector<float>> masked;              ///< of each with a mask: outputs and targets under it
  std::vector<const double*> costs;                    ///< written by the cost steps
  std::vector<std::byte*> predicted;                   ///< of each output: (batch, outputs) f32
  std::vector<const std::byte*> lengths;               ///< of each: (batch) i32; absent if none or an input
  std::vector<std::vector<float>> compared;            ///< of each sequence among them: its rows
  std::span<const float> input_gradient;               ///< empty unless asked for
  OfPhases<std::size_t> cost_end{};                    ///< steps of training phases up to and with the cost
  OfPhases<std::vector<Output>> outputs;               ///< of each phase
  std::vector<Carried> carried;
  std::optional<double> generator_cost;  ///< of its last step
  tensor::RunContext context;

  void bind_inputs(Phase phase, std::span<const tensor::Tensor> inputs);
  void check_indices(int edge, const tensor::Tensor& numbers) const;
  void check_lengths(int edge, const tensor::Tensor& numbers) const;
  /// How many steps of each example of an output are real, if that is an input of the model; empty otherwise.
  std::span<const std::int32_t> given_lengths(std::size_t output, const tensor::Batch& batch) const;
  /// The same, if not an input then as the last prediction found it; empty where all are real.
  std::span<const std::int32_t> lengths_of(std::size_t output, const tensor::Batch& batch) const;
  /// The targets as rows. Those of sequences are in the order of time where the train phase reads them (of all examples
  /// the first step, then the second), and example by example otherwise.
  enum class RowOrder { of_time, of_examples };
  void set_targets(const tensor::Batch& batch, RowOrder order);
  void set_target(const tensor::Batch& batch, const CostTerm& term, RowOrder order, std::byte* to) const;
  void set_mask(const tensor::Batch& batch, const CostTerm& term, RowOrder order, std::byte* to) const;
  /// The steps of a training step up to its cost.
  void run_forward(const tensor::Batch& batch, const TrainingStep& step);
  void run_forward(Phase phase, const TrainingStep& step, std::uint64_t seed);
  /// The rest of a training phase. Returns its cost; where that is not a number nothing is updated.
  double run_backward(Phase phase);
  tensor::Dtype dtype_of(int edge) const {
    if (graph.adversaries && edge == graph.adversaries->noise) return tensor::Dtype::f32;
    const auto found = std::find(graph.inputs.begin(), graph.inputs.end(), edge);
    return options.dtype_of(static_cast<std::size_t>(found - graph.inputs.begin()), graph.spec_of(edge));
  }
  std::vector<const Step*> steps_of(bool training) const;
  void run(Phase phase, std::size_t begin, std::size_t end) { program.run(phase, begin, end, context, threads); }
  void run(Phase phase) { run(phase, 0, program.of(phase).size()); }
};

}  // namespace neon
