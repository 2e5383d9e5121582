#include "neon/plan.h"

#include <omp.h>

#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/fields.h"
#include "neon/lowering/plan_state.h"
#include "tensor/threads.h"

namespace neon {

Plan::Plan(std::unique_ptr<State> state) : state_(std::move(state)) {}
Plan::~Plan() = default;

void Plan::State::bind_input(Phase phase, const tensor::Tensor& input) {
  const tensor::Shape& sample = graph.sample_shape;
  const bool fits = input.dtype == options.input_dtype && !input.shape.empty() &&
                    input.shape[0] == options.batch_size &&
                    std::equal(input.shape.begin() + 1, input.shape.end(), sample.begin(), sample.end());
  if (!fits)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("this plan takes batches of {} {} of {}, got {} of {}", options.batch_size, tensor::text(sample),
                    base::word(options.input_dtype), tensor::text(input.shape), base::word(input.dtype)));
  for (const Use& use : input_uses[static_cast<std::size_t>(phase)])
    use.kernel->bind(use.argument, static_cast<std::byte*>(input.data));
}

void Plan::State::set_targets(const tensor::Batch& batch) {
  const std::int64_t columns = graph.out_count();
  const auto rows = static_cast<std::size_t>(options.batch_size);
  const tensor::Tensor& source = batch.target;
  const std::size_t expected = options.target_shape.empty() ? rows : rows * static_cast<std::size_t>(columns);
  const auto dtype = options.target_shape.empty() ? tensor::Dtype::i32 : tensor::Dtype::f32;
  if (source.dtype != dtype || static_cast<std::size_t>(source.size()) != expected)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("this plan takes {} targets of {} per batch, got {} of {}", expected,
                                  base::word(dtype), tensor::text(source.shape), base::word(source.dtype)));
  auto* t = reinterpret_cast<float*>(target);
  if (!options.target_shape.empty()) {
    std::memcpy(t, source.data, expected * sizeof(float));
    return;
  }
  std::fill_n(t, rows * static_cast<std::size_t>(columns), 0.0f);
  const auto* labels = static_cast<const std::int32_t*>(source.data);
  for (std::size_t row = 0; row < rows; ++row) {
    if (labels[row] < 0 || labels[row] >= columns)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format(
              "class index {} in the data is outside 0 to {}, which is what the last layer '{}' has outputs for",
              labels[row], columns - 1, graph.nodes.back().name));
    t[row * static_cast<std::size_t>(columns) + static_cast<std::size_t>(labels[row])] = 1;
  }
}

double Plan::train_step(const tensor::Batch& batch, const StepScalars& scalars) {
  if (!state_->options.cost)
    throw base::Error(base::Code::internal, "this plan was compiled without a cost and cannot train");
  const tensor::ThreadScope scope(state_->threads);
  state_->bind_input(Phase::train, batch.input);
  state_->set_targets(batch);
  state_->context = {state_->options.seed, scalars.epoch, scalars.step, state_->options.batch_size};
  state_->run(Phase::train, 0, state_->cost_end);
  const double cost = *state_->cost;
  if (std::isfinite(cost)) state_->run(Phase::train, state_->cost_end, state_->program.of(Phase::train).size());
  return cost;
}

std::span<const float> Plan::infer(const tensor::Tensor& input) {
  const tensor::ThreadScope scope(state_->threads);
  state_->bind_input(Phase::infer, input);
  state_->run(Phase::infer);
  return {reinterpret_cast<const float*>(state_->output),
          static_cast<std::size_t>(state_->options.batch_size * state_->graph.out_count())};
}

std::span<const float> Plan::targets(const tensor::Batch& batch) {
  if (state_->target == nullptr)
    throw base::Error(base::Code::internal, "this plan was compiled without a cost and has no targets");
  state_->set_targets(batch);
  return {reinterpret_cast<const float*>(state_->target),
          static_cast<std::size_t>(state_->options.batch_size * state_->graph.out_count())};
}

const Graph& Plan::graph() const { return state_->graph; }
const PlanOptions& Plan::options() const { return state_->options; }
int Plan::threads() const { return state_->threads; }
std::size_t Plan::memory_bytes() const { return state_->program.arena.size_bytes(); }
std::size_t Plan::unshared_bytes() const { return state_->program.unshared_bytes; }

std::vector<StepTime> Plan::profile(const tensor::Batch& batch, int repeats) {
  const tensor::ThreadScope scope(state_->threads);
  const Phase phase = state_->options.cost ? Phase::train : Phase::infer;
  state_->bind_input(phase, batch.input);
  if (state_->options.cost) state_->set_targets(batch);
  state_->context = {state_->options.seed, 0, 1, state_->options.batch_size};
  const auto& steps = state_->program.of(phase);
  std::vector<StepTime> times;
  for (const Step& step : steps) times.push_back({step.name, std::string(step.kernel->name()), 1e12});
  for (int repeat = 0; repeat < repeats; ++repeat)
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      omp_set_num_threads(steps[i].threads);
      steps[i].kernel->run(state_->context);
      const double took = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
      times[i].microseconds = std::min(times[i].microseconds, took);
    }
  return times;
}

}  // namespace neon
