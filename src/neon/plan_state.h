#pragma once
// What a plan consists of; for plan.cpp, which runs it, and plan_maker.cpp, which makes it.
#include "neon/booking.h"
#include "neon/plan.h"

namespace neon {

struct Plan::State {
  struct InputUse {
    Program program;
    std::size_t step, argument;
  };

  /// A layer's outputs, and how many steps make them.
  struct Output {
    const Node* node;
    Value value;
    std::size_t steps;
  };

  State(const Graph& graph_, const PlanOptions& options_, int threads_)
      : graph(graph_), options(options_), threads(threads_), booking(options_.batch_size, options_.cost != nullptr) {}

  Graph graph;
  PlanOptions options;
  int threads;
  Booking booking;
  tensor::Arena arena;
  std::vector<InputUse> input_uses;
  std::byte* target = nullptr;                 ///< (batch, outputs) f32; absent when the plan only predicts
  const double* cost = nullptr;                ///< written by the cost step
  std::byte* output = nullptr;                 ///< (batch, outputs) f32, of the infer program
  Value input_gradient;                        ///< empty unless asked for
  std::size_t cost_end = 0;                    ///< steps of the train program up to and with the cost
  std::array<std::vector<Output>, 2> outputs;  ///< of each program
  StepContext context;

  void bind_input(Program program, const tensor::Tensor& input);
  void set_targets(const tensor::Batch& batch);
  void run(Program program, std::size_t begin, std::size_t end);
  void run(Program program) { run(program, 0, booking.steps(program).size()); }
};

}  // namespace neon
