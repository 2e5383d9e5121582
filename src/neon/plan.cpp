#include "neon/plan.h"

#include <omp.h>

#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/fields.h"
#include "neon/plan_state.h"
#include "neon/threads.h"

namespace neon {

Plan::Plan(std::unique_ptr<State> state) : state_(std::move(state)) {}
Plan::~Plan() = default;

void Plan::State::bind_input(Program program, const tensor::Tensor& input) {
  const tensor::Shape& sample = graph.sample_shape;
  const bool fits = input.dtype == options.input_dtype && !input.shape.empty() &&
                    input.shape[0] == options.batch_size &&
                    std::equal(input.shape.begin() + 1, input.shape.end(), sample.begin(), sample.end());
  if (!fits)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("this plan takes batches of {} {} of {}, got {} of {}", options.batch_size, tensor::text(sample),
                    base::word(options.input_dtype), tensor::text(input.shape), base::word(input.dtype)));
  for (const InputUse& use : input_uses)
    if (use.program == program)
      booking.steps(program)[use.step].bind(use.argument, static_cast<std::byte*>(input.data));
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

void Plan::State::run(Program program, std::size_t begin, std::size_t end) {
  int current = threads;
  const std::vector<Step>& steps = booking.steps(program);
  for (std::size_t i = begin; i < end; ++i) {
    const Step& step = steps[i];
    if (step.threads != current) omp_set_num_threads(current = step.threads);
    step.run(context);
  }
}

double Plan::train_step(const tensor::Batch& batch, const StepScalars& scalars) {
  if (!state_->options.cost)
    throw base::Error(base::Code::internal, "this plan was compiled without a cost and cannot train");
  const ThreadScope scope(state_->threads);
  state_->bind_input(Program::train, batch.input);
  state_->set_targets(batch);
  state_->context.seed = state_->options.seed;
  state_->context.scalars = scalars;
  state_->context.scalars.batch_size = state_->options.batch_size;
  state_->run(Program::train, 0, state_->cost_end);
  const double cost = *state_->cost;
  if (std::isfinite(cost)) state_->run(Program::train, state_->cost_end, state_->booking.steps(Program::train).size());
  return cost;
}

std::span<const float> Plan::infer(const tensor::Tensor& input) {
  const ThreadScope scope(state_->threads);
  state_->bind_input(Program::infer, input);
  state_->run(Program::infer);
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
std::size_t Plan::memory_bytes() const { return state_->arena.size_bytes(); }
std::size_t Plan::unshared_bytes() const { return state_->booking.unshared_bytes(); }

std::vector<StepTime> Plan::profile(const tensor::Batch& batch, int repeats) {
  const ThreadScope scope(state_->threads);
  const Program program = state_->options.cost ? Program::train : Program::infer;
  state_->bind_input(program, batch.input);
  if (state_->options.cost) state_->set_targets(batch);
  state_->context.scalars = {0, 1, state_->options.batch_size, 1};
  const auto& steps = state_->booking.steps(program);
  std::vector<StepTime> times;
  for (const Step& step : steps)
    times.push_back({step.name, step.kernel ? std::string(step.kernel->implementation()) : "", 1e12});
  for (int repeat = 0; repeat < repeats; ++repeat)
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      omp_set_num_threads(steps[i].threads);
      steps[i].run(state_->context);
      const double took = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
      times[i].microseconds = std::min(times[i].microseconds, took);
    }
  return times;
}

}  // namespace neon
