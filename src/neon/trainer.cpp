#include "neon/trainer.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/error.h"
#include "neon/finite.h"

namespace neon {
namespace {

void check_source(const Plan& plan, const tensor::SourceInfo& info, std::string_view which) {
  const auto refuse = [&](std::string message) {
    throw base::Error(base::Code::invalid_argument, fmt::format("{} data: {}", which, message));
  };
  if (info.record_count < 1) refuse("there are no records");
  const Graph& graph = plan.graph();
  if (info.inputs.size() != graph.inputs.size())
    refuse(fmt::format("records have {} inputs, but the network was made for {}", info.inputs.size(),
                       graph.inputs.size()));
  for (std::size_t i = 0; i < info.inputs.size(); ++i)
    if (info.inputs[i].shape != graph.spec_of(graph.inputs[i]).shape)
      refuse(fmt::format("records are {}, but the network was made for {}", tensor::text(info.inputs[i].shape),
                         tensor::text(graph.spec_of(graph.inputs[i]).shape)));
  if (info.batch_size != plan.options().batch_size)
    refuse(fmt::format("batches have {} records, but the network was made for {}", info.batch_size,
                       plan.options().batch_size));
  if (info.streams != plan.options().streams)
    refuse(info.streams ? "rows go on from batch to batch, but the network was made to forget its states"
                        : "the network was made to carry states from batch to batch, but rows do not go on there");
}

/// Metrics compare rows or whole sequences, and so does the cost of the main output.
bool is_measured_by(const Plan& plan, const Metric& metric) {
  const std::vector<CostTerm>& costs = plan.options().costs;
  return metric.compares_sequences() == (!costs.empty() && costs.front().cost->compares_sequences());
}

std::string_view what_is_compared(bool sequences) {
  return sequences ? "whole sequences" : "outputs with targets row by row";
}

/// Adds what a batch has of the sums of a metric. Returns of how many rows, or sequences.
std::int64_t add_to(const Metric& metric, const Plan::Comparison& got, std::span<double> sums) {
  if (got.sequences == 0) {
    metric.add(got.outputs, got.targets, got.rows, got.columns, sums);
    return got.rows;
  }
  const std::int64_t steps = got.rows / got.sequences;
  const auto each = static_cast<std::size_t>(steps * got.columns);
  for (std::size_t i = 0; i < static_cast<std::size_t>(got.sequences); ++i) {
    const std::int64_t real = got.lengths.empty() ? steps : got.lengths[i];
    metric.add(got.outputs.subspan(i * each, static_cast<std::size_t>(real * got.columns)),
               got.targets.subspan(i * each, each), real, got.columns, sums);
  }
  return got.sequences;
}

/// Records per second over the last half second or more.
class Rate {
 public:
  void add(std::int64_t images) {
    images_ += images;
    const std::int64_t now = base::steady_now_us();
    const double seconds = static_cast<double>(now - begin_) * 1e-6;
    if (per_second_ == 0 && seconds > 0) first_ = static_cast<double>(images_) / seconds;
    if (seconds < 0.5) return;
    per_second_ = static_cast<double>(images_) / seconds;
    begin_ = now;
    images_ = 0;
  }
  double per_second() const { return per_second_ > 0 ? per_second_ : first_; }

 private:
  std::int64_t begin_ = base::steady_now_us(), images_ = 0;
  double per_second_ = 0, first_ = 0;
};

/// The first row of the batch that has an input which is not finite.
std::optional<std::int64_t> row_not_finite(const tensor::Batch& batch) {
  for (const tensor::Tensor& input : batch.inputs) {
    if (input.dtype != tensor::Dtype::f32) continue;
    const auto values = input.as<const float>();
    const auto rows = static_cast<std::size_t>(input.shape[0]), each = values.size() / rows;
    for (std::size_t row = 0; row < rows; ++row)
      if (!all_finite(values.subspan(row * each, each))) return static_cast<std::int64_t>(row);
  }
  return {};
}

/// What was the first not to be finite when a batch gave a cost that is not.
std::string lost_where(Plan& plan, const tensor::Batch& batch, bool training) {
  if (const auto row = row_not_finite(batch))
    return fmt::format(
        "the input itself is not finite (row {} of the batch). The data is at fault, or how it is "
        "prepared: look for nan, infinity and divisions by zero",
        *row);
  if (const std::string what = plan.parameter_not_finite(); !what.empty()) return what + " is not finite";
  if (const std::string what = plan.output_not_finite(training); !what.empty())
    return what + " are the first that are not finite";
  return "the outputs are finite, but not their cost";
}

constexpr std::string_view kDiverged =
    "The training has diverged. Lower the learning rate, start with smaller weights, or clip the gradients "
    "(gradient_clip_norm)";

}  // namespace

std::array<std::int64_t, kHistogramBins> histogram_of(std::span<const float> values) {
  std::array<std::int64_t, kHistogramBins> counts{};
  constexpr double kLast = static_cast<double>(kHistogramBins) - 1;
  for (const float value : values) {
    const double bin =
        std::rint(std::log2(std::abs(static_cast<double>(value)))) - static_cast<double>(kHistogramOffset);
    ++counts[static_cast<std::size_t>(std::clamp(bin, 0.0, kLast))];
  }
  return counts;
}

std::optional<Evaluation> evaluate(Plan& plan, tensor::BatchSource& source, const std::vector<const Metric*>& metrics,
                                   const std::atomic<bool>& stop, std::string_view when) {
  std::vector<std::pair<const Metric*, std::vector<double>>> sums;
  for (const Metric* metric : metrics)
    if (metric != nullptr && is_measured_by(plan, *metric))
      sums.emplace_back(metric, std::vector<double>(metric->sum_count()));
  double cost_sum = 0, weight = 0;
  std::int64_t count = 0, rows = 0;
  source.seek(0, 0);
  plan.forget_states();
  while (const tensor::Batch* batch = source.next()) {
    if (stop.load(std::memory_order_relaxed)) return {};
    const Plan::Comparison got = plan.compare(*batch);
    if (!std::isfinite(got.cost))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("the cost of evaluation records {} to {}{} is not a number ({}): {}", count,
                                    count + batch->count - 1, when, got.cost, lost_where(plan, *batch, false)));
    cost_sum += got.cost * got.weight;
    weight += got.weight;
    for (auto& [metric, its] : sums) static_cast<void>(add_to(*metric, got, its));
    count += batch->count;
    rows += got.sequences > 0 ? got.sequences : got.rows;
  }
  if (stop.load(std::memory_order_relaxed)) return {};
  Evaluation result;
  result.cost = cost_sum / std::max(weight, 1.0);
  for (auto& [metric, its] : sums) {
    const std::vector<std::string> names = metric->names();
    std::vector<double> figures(names.size());
    metric->finish(its, std::max<std::int64_t>(rows, 1), figures);
    for (std::size_t i = 0; i < names.size(); ++i) result.metrics.emplace_back(names[i], figures[i]);
  }
  return result;
}

void check_metric(const Metric& metric, std::span<const CostTerm> costs, std::string_view where) {
  if (!metric.compares_sequences() || costs.empty() || costs.front().cost->compares_sequences()) return;
  throw base::Error(base::Code::invalid_argument,
                    fmt::format("the metric {} compares whole sequences, but the cost {} compares outputs with targets "
                                "row by row; the cost CTC fits it",
                                metric.names().front(), costs.front().name),
                    std::string(where));
}

Trainer::Trainer(Plan& plan, tensor::BatchSource& train, tensor::BatchSource* eval, const Metric* metric,
                 const TrainerOptions& options)
    : plan_(plan),
      train_(train),
      eval_(eval),
      metric_(metric != nullptr && is_measured_by(plan, *metric) ? metric : nullptr),
      options_(options),
      callbacks_(make_callbacks(options.callbacks)) {
  check_source(plan, train.info(), "training");
  if (eval != nullptr) check_source(plan, eval->info(), "evaluation");
  if (metric != nullptr) check_metric(*metric, plan.options().costs, "/metric");
  if (eval != nullptr && plan.graph().adversaries)
    throw base::Error(base::Code::invalid_argument,
                      "there is no evaluation of a GenerativeAdversarial; train it without evaluation data");
  check_statistics(plan.graph(), std::min(train.info().record_count, plan.options().batch_size));
  position_.seed = plan.options().seed;
  position_.threads = plan.threads();
  position_.batch_size = plan.options().batch_size;
  position_.records = train.info().record_count;
  position_.streams = plan.options().streams;
  set_up_callbacks();
}

void Trainer::set_up_callbacks() {
  for (const auto& callback : callbacks_) {
    callback->prepare({plan_.graph(), train_.info().labels, eval_ != nullptr});
    if (!options_.evaluate_every) options_.evaluate_every = callback->evaluation_freq();
    if (!options_.checkpoint_every) options_.checkpoint_every = callback->checkpoint_freq();
  }
  std::vector<std::string> figures{"cost"};
  const auto add_figures_of = [&](const Metric* metric) {
    if (metric == nullptr) return;
    for (std::string& name : metric->names()) {
      if (std::find(figures.begin(), figures.end(), name) != figures.end())
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("the figure '{}' is measured twice; leave one of its metrics out", name),
                          "/callbacks");
      figures.push_back(std::move(name));
    }
  };
  if (eval_ != nullptr && options_.evaluate_every.value_or(1) > 0) {
    figures.push_back("eval_cost");
    add_figures_of(metric_);
  }
  for (const auto& callback : callbacks_) {
    const Metric* watched = callback->watches().metric;
    if (watched != nullptr && !is_measured_by(plan_, *watched))
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("a callback measures {}, which compares {}, but the cost {} compares {}; leave the callback out",
                      watched->names().front(), what_is_compared(watched->compares_sequences()),
                      plan_.options().costs.front().name, what_is_compared(!watched->compares_sequences())),
          "/callbacks");
    add_figures_of(watched);
  }
  for (const auto& callback : callbacks_) callback->check(figures);
}

/// What is done every so many epochs, and after the last; 0: never.
bool Trainer::due(std::int64_t every) const {
  return every > 0 && (position_.epoch == options_.epochs || position_.epoch % every == 0);
}

/// Of the evaluation after the epoch that has ended; none when there is to be no evaluation.
std::vector<const Metric*> Trainer::due_metrics() const {
  std::vector<const Metric*> metrics;
  if (eval_ == nullptr) return metrics;
  if (due(options_.evaluate_every.value_or(1))) metrics.push_back(metric_);
  for (const auto& callback : callbacks_)
    if (const Callback::Watch watch = callback->watches(); watch.metric != nullptr && due(watch.epoch_freq))
      metrics.push_back(watch.metric);
  return metrics;
}

void Trainer::resume(const Checkpoint& checkpoint) {
  const auto refuse = [](std::string message) { throw base::Error(base::Code::invalid_argument, std::move(message)); };
  const TrainingPosition& from = checkpoint.position;
  if (from.seed != plan_.options().seed)
    refuse(
        fmt::format("the checkpoint was trained with seed {}, this training has seed {}; a resumed training must keep "
                    "its seed",
                    from.seed, plan_.options().seed));
  std::int64_t batch = from.batch;
  if (batch > 0) {
    if (from.records != 0 && from.records != position_.records)
      refuse(
          fmt::format("the checkpoint stands within epoch {} of {} records, this training has {}; the order of the "
                      "epoch would be another. Resume with the same data, or from the end of an epoch",
                      from.epoch, from.records, position_.records));
    const std::int64_t done = batch * (from.batch_size != 0 ? from.batch_size : position_.batch_size);
    if (done % position_.batch_size != 0)
      refuse(
          fmt::format("the checkpoint stands at record {} of epoch {}, after {} batches of {}; no batch of {} begins "
                      "there. Resume with batch_size {}",
                      done, from.epoch, batch, from.batch_size, position_.batch_size, from.batch_size));
    batch = done / position_.batch_size;
    if (from.streams != position_.streams)
      refuse(
          fmt::format("the checkpoint stands within an epoch of {}, this training is of {}. Resume with the same "
                      "`streams`, or from the end of an epoch",
                      from.streams ? "streams" : "single records", position_.streams ? "streams" : "single records"));
    if (from.streams && from.batch_size != position_.batch_size)
      refuse(
          fmt::format("the checkpoint stands within an epoch of {} streams, this training has a batch_size of {} and "
                      "would cut them otherwise. Resume with batch_size {}, or from the end of an epoch",
                      from.batch_size, position_.batch_size, from.batch_size));
    if (batch > train_.info().batches_per_epoch())
      refuse(fmt::format("the checkpoint stands after batch {} of its epoch, but an epoch of this training has {}",
                         batch, train_.info().batches_per_epoch()));
  }
  if (from.summed > 0 && (from.batch_size != position_.batch_size || plan_.options().batches_per_update == 1))
    refuse(
        fmt::format("the checkpoint stands within the sum of gradients for one update, after {} batches of {}, this "
                    "training has a batch_size of {} and batches_per_update {}. Resume with the same, or from the end "
                    "of an epoch",
                    from.summed, from.batch_size, position_.batch_size, plan_.options().batches_per_update));
  plan_.import_parameters(checkpoint.parameters);
  plan_.import_optimizer_states(checkpoint.optimizer_states);
  if (from.summed > 0) plan_.import_gradients(checkpoint.gradient_sums);
  resume_averages(checkpoint);
  if (batch > 0) plan_.import_carried_states(checkpoint.carried_states);
  if (const std::string what = plan_.parameter_not_finite(); !what.empty())
    refuse(
        fmt::format("{} is not finite in the checkpoint: its training had diverged; resume from an earlier one", what));
  // One that the training before did not have begins anew.
  auto kept = checkpoint.callbacks.begin();
  for (std::size_t i = 0; i < callbacks_.size(); ++i) {
    const auto found = std::find_if(kept, checkpoint.callbacks.end(), [&](const NamedCallbackState& state) {
      return state.type == options_.callbacks[i].type;
    });
    if (found == checkpoint.callbacks.end()) continue;
    callbacks_[i]->restore(found->state);
    kept = found + 1;
  }
  const TrainingPosition now = position_;
  position_ = from;
  position_.batch = batch;
  position_.batch_size = now.batch_size;
  position_.records = now.records;
  position_.threads = plan_.threads();
  position_.streams = now.streams;
  recent_count_ = 0;
}

/// What the training before kept no average of begins with its weights.
void Trainer::resume_averages(const Checkpoint& checkpoint) {
  std::vector<NamedTensor> averages = plan_.export_averages();
  for (NamedTensor& average : averages) {
    for (const auto* tensors : {&checkpoint.parameters, &checkpoint.averages})
      for (const NamedTensor& tensor : *tensors)
        if (tensor.name == average.name) average = tensor;
  }
  plan_.import_averages(averages);
}

Checkpoint Trainer::checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.inputs = plan_.graph().input_columns();
  checkpoint.position = position_;
  checkpoint.parameters = plan_.export_parameters();
  checkpoint.optimizer_states = plan_.export_optimizer_states();
  checkpoint.averages = plan_.export_averages();
  if (position_.summed > 0) checkpoint.gradient_sums = plan_.export_gradients();
  if (position_.batch > 0) checkpoint.carried_states = plan_.export_carried_states();
  for (std::size_t i = 0; i < callbacks_.size(); ++i)
    checkpoint.callbacks.push_back({options_.callbacks[i].type, callbacks_[i]->state()});
  return checkpoint;
}

Trainer::Outcome Trainer::run(TrainingEvents& events, const std::atomic<bool>& stop) {
  for (const auto& callback : callbacks_) callback->on_begin();
  for (;;) {
    if (position_.awaits_evaluation() && !finish_epoch(events, stop)) return Outcome::stopped;
    if (position_.epoch >= options_.epochs || position_.finished) return Outcome::completed;
    if (!train_epoch(events, stop)) {
      save(events);
      return Outcome::stopped;
    }
  }
}

/// Trains the rest of the epoch. False when stopped before its end.
bool Trainer::train_epoch(TrainingEvents& events, const std::atomic<bool>& stop) {
  const std::int64_t begin = base::steady_now_us();
  const std::int64_t batches = train_.info().batches_per_epoch();
  Rate rate;
  epoch_images_ = 0;
  last_batch_ = nullptr;
  train_.seek(position_.epoch, position_.batch);
  if (position_.batch == 0) plan_.forget_states();
  while (position_.batch < batches) {
    if (stop.load(std::memory_order_relaxed)) return false;
    const tensor::Batch* batch = next_batch(events);
    if (batch == nullptr)
      throw base::Error(base::Code::internal,
                        fmt::format("the training data ended after batch {} of {}", position_.batch, batches));
    if (std::exchange(first_batch_, false)) events.on_first_batch(*batch);
    step(*batch);
    epoch_images_ += batch->count;
    rate.add(batch->count);
    StepEvent event{position_.epoch, options_.epochs, position_.batch,   batches,
                    position_.step,  recent_cost(),   rate.per_second(), last_cost_};
    for (const auto& callback : callbacks_) callback->on_step(event, plan_);
    events.on_step(event);
  }
  epoch_seconds_ = static_cast<double>(base::steady_now_us() - begin) * 1e-6;
  ++position_.epoch;
  position_.batch = 0;
  return true;
}

/// A fault in the data must not cost the steps that were done.
const tensor::Batch* Trainer::next_batch(TrainingEvents& events) {
  last_batch_ = nullptr;
  try {
    return last_batch_ = train_.next();
  } catch (const base::Error&) {
    if (position_.step > 0) save(events);
    throw;
  }
}

void Trainer::step(const tensor::Batch& batch) {
  TrainingStep now{position_.epoch, position_.step + 1, position_.updates + 1, position_.summed};
  now.updates = position_.summed + 1 >= plan_.options().batches_per_update ||
                position_.batch + 1 == train_.info().batches_per_epoch();  // no sum goes on into the next epoch
  const double cost = plan_.train_step(batch, now);
  if (!std::isfinite(cost))
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the cost is no longer a number ({}) at epoch {}, batch {} (step {}): {}{}", cost,
                                  position_.epoch, position_.batch, now.step, lost_where(plan_, batch, true),
                                  row_not_finite(batch) ? "" : fmt::format(". {}", kDiverged)));
  ++position_.step;
  ++position_.batch;
  position_.updates += now.updates ? 1 : 0;
  position_.summed = now.updates ? 0 : position_.summed + 1;
  last_cost_ = cost;
  position_.epoch_cost_sum += cost;
  ++position_.epoch_cost_count;
  recent_[static_cast<std::size_t>(recent_count_++) % recent_.size()] = cost;
}

/// Evaluates and reports the epoch that is trained. False when stopped before its evaluation was done.
bool Trainer::finish_epoch(TrainingEvents& events, const std::atomic<bool>& stop) {
  const bool last = position_.epoch == options_.epochs;
  const bool saves = last || due(options_.checkpoint_every.value_or(1));
  check_finite();
  EpochEvent event;
  event.epoch = position_.epoch - 1;
  event.epochs = options_.epochs;
  event.step = position_.step;
  event.cost = position_.epoch_cost_sum / static_cast<double>(position_.epoch_cost_count);
  event.seconds = epoch_seconds_;
  event.images_per_s = epoch_seconds_ > 0 ? static_cast<double>(epoch_images_) / epoch_seconds_ : 0;
  const std::vector<const Metric*> metrics = due_metrics();
  if (!metrics.empty() && saves) save(events);
  for (const auto& callback : callbacks_) callback->before_evaluation({plan_, train_, event.epoch, stop});
  if (!metrics.empty()) {
    const std::int64_t begin = base::steady_now_us();
    auto evaluation = evaluate_or_save(events, metrics, stop);
    if (!evaluation) return false;
    event.eval_seconds = static_cast<double>(base::steady_now_us() - begin) * 1e-6;
    event.eval_cost = evaluation->cost;
    event.metrics = std::move(evaluation->metrics);
  }
  ask_callbacks(event);
  epoch_seconds_ = 0;
  epoch_images_ = 0;
  position_.epoch_cost_sum = 0;
  position_.epoch_cost_count = 0;
  events.on_epoch(event);
  if (last || position_.finished)
    for (const auto& callback : callbacks_) callback->on_end(plan_);
  if (saves || position_.finished) save(events);
  return true;
}

void Trainer::ask_callbacks(EpochEvent& event) {
  std::optional<std::string> finish;
  for (const auto& callback : callbacks_) callback->on_epoch(event, plan_, finish);
  if (!finish) return;
  position_.finished = true;
  event.ended_because = *finish;
}

/// Nothing when stopped. In that case, and when it fails, the trained epoch is kept.
std::optional<Evaluation> Trainer::evaluate_or_save(TrainingEvents& events, const std::vector<const Metric*>& metrics,
                                                    const std::atomic<bool>& stop) {
  try {
    std::optional<Evaluation> evaluation;
    {
      const EvaluatedWeights weights(plan_);
      evaluation = evaluate(plan_, *eval_, metrics, stop,
                            fmt::format(" after epoch {} (step {})", position_.epoch - 1, position_.step));
    }
    if (!evaluation) save(events);
    return evaluation;
  } catch (const base::Error&) {
    save(events);
    throw;
  }
}

/// The cost of a step shows what the steps before did to the weights, except where a layer hides it, and except for the
/// last step: looks at all weights, and predicts the last batch with them.
void Trainer::check_finite() {
  if (checked_step_ == position_.step) return;
  checked_step_ = position_.step;
  std::string what = plan_.parameter_not_finite();
  const bool predicts = last_batch_ != nullptr && !plan_.graph().adversaries;  // which predicts from noise
  if (what.empty() && predicts && !all_finite(plan_.infer(last_batch_->inputs))) what = plan_.output_not_finite(false);
  if (what.empty()) return;
  throw base::Error(base::Code::invalid_argument,
                    fmt::format("not a number, or infinite, after step {} (epoch {}): {}. {}", position_.step,
                                position_.epoch - (position_.awaits_evaluation() ? 1 : 0), what, kDiverged));
}

/// A checkpoint of now, once for each position, and none with what is not a number.
void Trainer::save(TrainingEvents& events) {
  const std::pair now{position_.step, position_.awaits_evaluation()};
  if (saved_ == now) return;
  check_finite();
  events.on_checkpoint(*this);
  saved_ = now;
}

double Trainer::recent_cost() const {
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(recent_count_), recent_.size());
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += recent_[i];
  return sum / static_cast<double>(count);
}

}  // namespace neon
