#include "neon/plan.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/fields.h"
#include "neon/lowering/plan_state.h"
#include "neon/lowering/training_kernels.h"
#include "neon/passes/pass.h"
#include "tensor/threads.h"

namespace neon {

Plan::Plan(std::unique_ptr<State> state) : state_(std::move(state)) {}
Plan::~Plan() = default;

void Plan::State::bind_inputs(Phase phase, std::span<const tensor::Tensor> inputs) {
  const std::span<const int> edges = phase == Phase::infer ? graph.predicted_from() : graph.inputs;
  if (inputs.size() != edges.size())
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("this plan takes {} inputs, got {}", edges.size(), inputs.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = graph.spec_of(edges[i]);
    const tensor::Tensor& input = inputs[i];
    const tensor::Dtype dtype = dtype_of(edges[i]);
    const bool fits = input.dtype == dtype && !input.shape.empty() && input.shape[0] == options.batch_size &&
                      std::equal(input.shape.begin() + 1, input.shape.end(), spec.shape.begin(), spec.shape.end());
    if (!fits)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("this plan takes batches of {} {} of {}, got {} of {}", options.batch_size,
                      tensor::text(spec.shape), base::word(dtype), tensor::text(input.shape), base::word(input.dtype)));
    check_indices(edges[i], input);
    check_lengths(edges[i], input);
    for (const Use& use : input_uses[static_cast<std::size_t>(phase)][i])
      use.kernel->bind(use.argument, static_cast<std::byte*>(input.data));
  }
}

/// Whole numbers that a layer reads must be rows of its table.
void Plan::State::check_indices(int edge, const tensor::Tensor& numbers) const {
  for (const int reader : graph.edges[static_cast<std::size_t>(edge)].consumers) {
    const Node& node = graph.nodes[static_cast<std::size_t>(reader)];
    const std::int64_t limit = node.layer->index_limit();
    if (limit == 0) continue;
    const auto check = [&](const auto* values) {
      for (std::int64_t i = 0; i < numbers.size(); ++i) {
        const auto value = static_cast<double>(values[i]);
        if (value >= 0 && value < static_cast<double>(limit) && value == std::floor(value)) continue;
        const std::int64_t each = numbers.size() / options.batch_size;
        throw base::Error(
            base::Code::invalid_argument,
            fmt::format("layer '{}' reads whole numbers from 0 to {}, but example {} of the batch has {} at step {}",
                        node.name, limit - 1, i / each, value, i % each));
      }
    };
    if (numbers.dtype == tensor::Dtype::i32) check(static_cast<const std::int32_t*>(numbers.data));
    if (numbers.dtype == tensor::Dtype::u8) check(static_cast<const std::uint8_t*>(numbers.data));
    if (numbers.dtype == tensor::Dtype::f32) check(static_cast<const float*>(numbers.data));
  }
}

/// Sequences are as long as their time axis at most.
void Plan::State::check_lengths(int edge_of_lengths, const tensor::Tensor& numbers) const {
  std::int64_t steps = -1;
  for (const Edge& edge : graph.edges)
    if (edge.lengths == edge_of_lengths) steps = edge.spec.shape.back();
  if (steps < 0) return;
  const auto lengths = numbers.as<const std::int32_t>();
  for (std::size_t i = 0; i < lengths.size(); ++i)
    if (lengths[i] < 0 || lengths[i] > steps)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("example {} of the batch has a length of {}, but its sequence has {} time steps; a "
                                    "length is from 0 to that",
                                    i, lengths[i], steps));
}

std::span<const std::int32_t> Plan::State::given_lengths(std::size_t output, const tensor::Batch& batch) const {
  for (std::size_t i = 0; i < graph.inputs.size(); ++i)
    if (graph.inputs[i] == graph.lengths_of(output)) return batch.inputs[i].as<const std::int32_t>();
  return {};
}

std::span<const std::int32_t> Plan::State::lengths_of(std::size_t output, const tensor::Batch& batch) const {
  if (graph.lengths_of(output) < 0) return {};
  if (const auto given = given_lengths(output, batch); !given.empty()) return given;
  return {reinterpret_cast<const std::int32_t*>(lengths[output]), static_cast<std::size_t>(options.batch_size)};
}

namespace {

/// Keeps the rows of real steps, example by example. Returns how many there are.
std::int64_t keep_real(float* rows, std::int64_t examples, std::int64_t columns, std::int64_t steps,
                       std::span<const std::int32_t> lengths) {
  std::int64_t kept = 0;
  for (std::int64_t example = 0; example < examples; ++example)
    for (std::int64_t s = 0; s < lengths[static_cast<std::size_t>(example)]; ++s, ++kept)
      std::copy_n(rows + (example * steps + s) * columns, columns, rows + kept * columns);
  return kept;
}

/// Rows (example, step) of (n, features, t), example by example.
void copy_steps(const float* from, float* to, std::int64_t n, std::int64_t features, std::int64_t steps) {
  for (std::int64_t example = 0; example < n; ++example, from += features * steps)
    for (std::int64_t t = 0; t < steps; ++t)
      for (std::int64_t f = 0; f < features; ++f) *to++ = from[f * steps + t];
}

}  // namespace

/// Numbers as they are, class indices as one-hot rows.
void Plan::State::set_targets(const tensor::Batch& batch, RowOrder order) {
  for (std::size_t i = 0; i < options.costs.size(); ++i) {
    if (!options.costs[i].cost->reads_target()) continue;
    set_target(batch, options.costs[i], order, targets[i]);
    if (masks[i] != nullptr) set_mask(batch, options.costs[i], order, masks[i]);
  }
}

/// A number for each output, or one for each time step, or one for each record.
void Plan::State::set_mask(const tensor::Batch& batch, const CostTerm& term, RowOrder order, std::byte* to) const {
  const auto refuse = [](std::string message) { throw base::Error(base::Code::invalid_argument, std::move(message)); };
  const auto which = static_cast<std::size_t>(term.mask);
  if (which >= batch.targets.size())
    refuse(fmt::format("the cost of output {} needs a mask after its target, but the batch brings {} targets",
                       term.output, batch.targets.size()));
  const tensor::Tensor& source = batch.targets[which];
  const std::int64_t n = options.batch_size, columns = graph.columns(term.output),
                     steps = graph.rows_per_example(term.output), each = source.size() / n;
  if (source.dtype != tensor::Dtype::f32 || each * n != source.size() ||
      (each != columns * steps && each != steps && each != 1))
    refuse(fmt::format("a mask has {} or {} numbers or one for each of {} records, got {} of {}", columns * steps,
                       steps, n, tensor::text(source.shape), base::word(source.dtype)));
  const auto* values = static_cast<const float*>(source.data);
  auto* mask = reinterpret_cast<float*>(to);
  for (std::int64_t example = 0; example < n; ++example, values += each)
    for (std::int64_t s = 0; s < steps; ++s) {
      float* row = mask + (order == RowOrder::of_examples ? example * steps + s : s * n + example) * columns;
      for (std::int64_t c = 0; c < columns; ++c)
        row[c] = values[each == columns * steps ? c * steps + s : each == steps ? s : 0];
    }
}

void Plan::State::set_target(const tensor::Batch& batch, const CostTerm& term, RowOrder order, std::byte* to) const {
  const auto refuse = [](std::string message) { throw base::Error(base::Code::invalid_argument, std::move(message)); };
  const std::size_t which = term.target_among(batch.targets.size());
  if (which >= batch.targets.size())
    refuse(fmt::format("output {} needs a target, but the batch brings {}", term.output, batch.targets.size()));
  const tensor::Tensor& source = batch.targets[which];
  const bool dense = which < options.targets.size() && options.targets[which].dtype == tensor::Dtype::f32;
  const std::int64_t columns = graph.columns(term.output), steps = graph.rows_per_example(term.output);
  const auto rows = static_cast<std::size_t>(options.batch_size * steps);
  const std::size_t expected = dense ? rows * static_cast<std::size_t>(columns) : rows;
  const auto dtype = dense ? tensor::Dtype::f32 : tensor::Dtype::i32;
  if (source.dtype != dtype || static_cast<std::size_t>(source.size()) != expected)
    refuse(fmt::format("this plan takes {} targets of {} per batch, got {} of {}", expected, base::word(dtype),
                       tensor::text(source.shape), base::word(source.dtype)));
  auto* t = reinterpret_cast<float*>(to);
  // Row `example·steps + step` of the source goes where the phase has it.
  const bool by_examples = order == RowOrder::of_examples || term.cost->compares_sequences();
  const auto row_of = [&](std::int64_t row) {
    return by_examples ? row : row % steps * options.batch_size + row / steps;
  };
  if (dense) {
    const auto* values = static_cast<const float*>(source.data);
    for (std::int64_t example = 0; example < options.batch_size; ++example, values += columns * steps) {
      if (steps == 1) {
        std::copy_n(values, columns, t + example * columns);
        continue;
      }
      for (std::int64_t s = 0; s < steps; ++s)
        for (std::int64_t c = 0; c < columns; ++c) t[row_of(example * steps + s) * columns + c] = values[c * steps + s];
    }
    return;
  }
  std::fill_n(t, rows * static_cast<std::size_t>(columns), 0.0f);
  const auto* labels = static_cast<const std::int32_t*>(source.data);
  const auto lengths =
      term.cost->compares_sequences() ? std::span<const std::int32_t>() : given_lengths(term.output, batch);
  for (std::size_t row = 0; row < rows; ++row) {
    const auto example = row / static_cast<std::size_t>(steps), step = row % static_cast<std::size_t>(steps);
    if (!lengths.empty() && static_cast<std::int64_t>(step) >= lengths[example]) continue;  // whatever pads it
    if (labels[row] < 0 || labels[row] >= columns)
      refuse(fmt::format(
          "class index {} in the data is outside 0 to {}, which is what the last layer '{}' has outputs for",
          labels[row], columns - 1, graph.maker_of(term.output)->name));
    t[row_of(static_cast<std::int64_t>(row)) * columns + labels[row]] = 1;
  }
}

void Plan::State::run_forward(const tensor::Batch& batch, const TrainingStep& step) {
  if (!options.trains())
    throw base::Error(base::Code::internal, "this plan was compiled without a cost and cannot train");
  bind_inputs(Phase::train, batch.inputs);
  set_targets(batch, RowOrder::of_time);
  run_forward(Phase::train, step, options.seed);
}

void Plan::State::run_forward(Phase phase, const TrainingStep& step, std::uint64_t seed) {
  context = {.seed = seed,
             .epoch = step.epoch,
             .step = step.step,
             .update = step.update > 0 ? step.update : step.step,
             .batch_size = options.batch_size * (step.summed + 1),
             .begins_sum = step.summed == 0,
             .updates = step.updates};
  run(phase, 0, cost_end[static_cast<std::size_t>(phase)]);
}

double Plan::State::run_backward(Phase phase) {
  double cost = 0;
  for (std::size_t i = 0; i < costs.size(); ++i)
    if (options.costs[i].of_generator == (phase == Phase::train_generator)) cost += options.costs[i].weight * *costs[i];
  if (std::isfinite(cost)) run(phase, cost_end[static_cast<std::size_t>(phase)], program.of(phase).size());
  return cost;
}

double Plan::train_step(const tensor::Batch& batch, const TrainingStep& step) {
  const tensor::ThreadScope scope(state_->threads);
  state_->run_forward(batch, step);
  const double cost = state_->run_backward(Phase::train);
  const std::optional<Adversaries>& game = state_->graph.adversaries;
  if (!game || !std::isfinite(cost)) return cost;
  TrainingStep own = step;
  own.step = own.update = game->generator_steps(step.step);
  if (own.step == game->generator_steps(step.step - 1)) return cost;
  state_->run_forward(Phase::train_generator, own, generator_seed(state_->options.seed));
  state_->generator_cost = state_->run_backward(Phase::train_generator);
  return std::isfinite(*state_->generator_cost) ? cost : *state_->generator_cost;
}

std::optional<double> Plan::generator_cost() const { return state_->generator_cost; }

std::span<const float> Plan::infer(std::span<const tensor::Tensor> inputs) {
  const tensor::ThreadScope scope(state_->threads);
  state_->bind_inputs(Phase::infer, inputs);
  state_->run(Phase::infer);
  return output(0);
}

std::span<const float> Plan::output(std::size_t i) const {
  return {reinterpret_cast<const float*>(state_->predicted[i]),
          static_cast<std::size_t>(state_->options.batch_size * state_->graph.out_count(i))};
}

namespace {

/// Rows of `from` whose mask is not all zeros, one after the other to `to`. Returns how many numbers.
std::int64_t keep_unmasked(std::span<const float> mask, std::int64_t columns, std::span<const float> from,
                           std::span<float> to) {
  const auto width = static_cast<std::size_t>(columns);
  std::size_t kept = 0;
  for (std::size_t at = 0; at < from.size(); at += width) {
    const auto row = mask.subspan(at, width);
    if (std::all_of(row.begin(), row.end(), [](float factor) { return factor == 0; })) continue;
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(at), width, to.begin() + static_cast<std::ptrdiff_t>(kept));
    kept += width;
  }
  return static_cast<std::int64_t>(kept);
}

}  // namespace

Plan::Comparison Plan::compare(const tensor::Batch& batch) {
  if (!state_->options.trains())
    throw base::Error(base::Code::internal, "this plan was compiled without a cost and has no targets");
  if (state_->graph.adversaries)
    throw base::Error(base::Code::invalid_argument,
                      "a GenerativeAdversarial cannot be compared with targets: it predicts from noise");
  state_->set_targets(batch, State::RowOrder::of_examples);
  infer(batch.inputs);
  Comparison result;
  result.weight = static_cast<double>(batch.count);
  for (std::size_t i = 0; i < state_->options.costs.size(); ++i) {
    const CostTerm& term = state_->options.costs[i];
    if (term.output >= state_->predicted.size()) continue;
    const std::int64_t columns = state_->graph.columns(term.output),
                       steps = state_->graph.rows_per_example(term.output);
    std::int64_t rows = batch.count * steps;
    std::span<const float> y = output(term.output).first(static_cast<std::size_t>(rows * columns));
    if (steps > 1) {
      float* by_step = state_->compared[term.output].data();
      copy_steps(y.data(), by_step, batch.count, columns, steps);
      y = {by_step, y.size()};
    }
    if (term.cost->compares_sequences()) {
      const auto lengths = state_->lengths_of(term.output, batch);
      std::vector<double> each(static_cast<std::size_t>(batch.count));
      result.cost += term.weight * sequences_cost(*term.cost,
                                                  {.examples = batch.count,
                                                   .steps = steps,
                                                   .columns = columns,
                                                   .y = y.data(),
                                                   .t = reinterpret_cast<const float*>(state_->targets[i]),
                                                   .lengths = lengths.empty() ? nullptr : lengths.data()},
                                                  false, each);
      if (result.columns != 0) continue;
      result.outputs = y;
      result.targets = {reinterpret_cast<const float*>(state_->targets[i]), y.size()};
      result.rows = rows;
      result.columns = columns;
      result.sequences = batch.count;
      result.lengths = lengths;
      continue;
    }
    if (const auto lengths = state_->lengths_of(term.output, batch); !lengths.empty()) {
      for (std::byte* of_steps : {state_->targets[i], state_->masks[i]})
        if (of_steps != nullptr) keep_real(reinterpret_cast<float*>(of_steps), batch.count, columns, steps, lengths);
      float* by_step = state_->compared[term.output].data();
      if (steps == 1) std::copy(y.begin(), y.end(), by_step);
      rows = keep_real(by_step, batch.count, columns, steps, lengths);
      y = {by_step, static_cast<std::size_t>(rows * columns)};
      if (result.columns == 0) result.weight = static_cast<double>(rows);
    }
    if (rows == 0) continue;
    const auto count = static_cast<std::size_t>(rows * columns);
    const std::span<const float> t(reinterpret_cast<const float*>(state_->targets[i]), count);
    if (state_->masks[i] == nullptr) {
      result.cost += term.weight * term.cost->value(y, t, rows, columns);
    } else {
      const std::span<const float> mask(reinterpret_cast<const float*>(state_->masks[i]), count);
      const auto masked_y = std::span(state_->masked[i]).first(count),
                 masked_t = std::span(state_->masked[i]).last(count);
      mask_numbers(y, mask, masked_y);
      mask_numbers(t, mask, masked_t);
      result.cost += term.weight * term.cost->value(masked_y, masked_t, rows, columns);
      if (result.columns != 0) continue;
      result.rows = keep_unmasked(mask, columns, y, masked_y) / columns;
      result.outputs = masked_y.first(static_cast<std::size_t>(result.rows * columns));
      keep_unmasked(mask, columns, t, masked_t);
      result.targets = masked_t.first(result.outputs.size());
      result.columns = columns;
      continue;
    }
    if (result.columns != 0) continue;
    result.outputs = y;
    result.targets = t;
    result.rows = rows;
    result.columns = columns;
  }
  return result;
}

const Graph& Plan::graph() const { return state_->graph; }
const PlanOptions& Plan::options() const { return state_->options; }
int Plan::threads() const { return state_->threads; }
std::size_t Plan::memory_bytes() const { return state_->program.arena.size_bytes(); }
std::size_t Plan::unshared_bytes() const { return state_->program.unshared_bytes; }

std::vector<const Step*> Plan::State::steps_of(bool training) const {
  std::vector<const Step*> steps;
  for (const Phase phase : kPhases)
    if ((phase != Phase::infer) == training)
      for (const Step& step : program.of(phase)) steps.push_back(&step);
  return steps;
}

std::vector<StepNote> Plan::notes(bool training) const {
  std::vector<StepNote> notes;
  for (const Step* const at : state_->steps_of(training)) {
    const Step& step = *at;
    StepNote note;
    note.name = step.name;
    note.layer = step.node != nullptr ? step.node->name : "";
    note.stage = base::word(step.stage);
    note.kernel = step.kernel->name();
    note.candidate = step.choice.taken;
    note.refused = step.choice.refused;
    for (const tensor::Argument& argument : step.kernel->arguments())
      if (argument.layout && argument.scratch_bytes == 0)
        note.layouts.push_back(fmt::format("{} {}", base::word(argument.slot), argument.layout.text()));
    note.threads = step.threads;
    notes.push_back(std::move(note));
  }
  return notes;
}

std::vector<std::pair<std::string, std::vector<std::string>>> joined_layers(const Graph& graph) {
  std::vector<std::pair<std::string, std::vector<std::string>>> joined;
  for (const Group& group : groups_of(graph)) {
    if (group.absorbed.empty()) continue;
    joined.push_back({group.node->name, {}});
    for (const Node* node : group.absorbed) joined.back().second.push_back(node->name);
  }
  return joined;
}

std::vector<StepTime> Plan::profile(const tensor::Batch& batch, int repeats) {
  const tensor::ThreadScope scope(state_->threads);
  const bool trains = state_->options.trains();
  state_->bind_inputs(trains ? Phase::train : Phase::infer, batch.inputs);
  if (state_->options.trains()) state_->set_targets(batch, State::RowOrder::of_time);
  state_->context = {.seed = state_->options.seed, .batch_size = state_->options.batch_size};
  const std::vector<const Step*> steps = state_->steps_of(trains);
  std::vector<StepTime> times;
  for (StepNote& note : notes(trains)) times.push_back({std::move(note), 1e12});
  for (int repeat = 0; repeat < repeats; ++repeat)
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      omp_set_num_threads(steps[i]->threads);
      steps[i]->kernel->run(state_->context);
      const double took = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
      times[i].microseconds = std::min(times[i].microseconds, took);
    }
  return times;
}

}  // namespace neon
