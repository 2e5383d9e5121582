#include "job/train.h"

#include <fmt/ranges.h>

#include "aeon/loader.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/version.h"
#include "job/check.h"
#include "job/memory.h"
#include "job/warnings.h"
#include "neon/metric.h"
#include "neon/plan.h"
#include "neon/start.h"
#include "neon/trainer.h"

namespace job {

using wire::Event;
using wire::EventKind;
using wire::Outcome;

namespace {

constexpr std::int64_t kStepEventEveryUs = 100'000;
constexpr std::size_t kFiguresOfLine = 16;  // in the log

/// Passes the trainer's events on, and adds what only the job knows to its checkpoints.
class Reporter : public neon::TrainingEvents {
 public:
  Reporter(const Training& training, const CheckedModel& checked, std::vector<std::string> labels,
           std::int64_t batch_size, const Emit& emit)
      : training_(training), checked_(checked), labels_(std::move(labels)), batch_size_(batch_size), emit_(emit) {}

  void say(const std::string& text) { emit_({.kind = EventKind::log, .text = text}); }
  void warn(const std::string& warning) { say("warning: " + warning); }

  void on_first_batch(const tensor::Batch& batch) override {
    if (const auto warning = unscaled_input(batch, checked_.graph)) warn(*warning);
  }

  void on_step(const neon::StepEvent& step) override {
    if (training_.listener != nullptr) training_.listener->on_step(step);
    const std::int64_t now = base::steady_now_us();
    const bool last_of_epoch = step.batch == step.batches;
    if (!first_ && !last_of_epoch && now - last_step_us_ < kStepEventEveryUs) return;
    first_ = false;
    last_step_us_ = now;
    const std::int64_t batches_left = (step.epochs - step.epoch) * step.batches - step.batch;
    Event event{.kind = EventKind::step,
                .epoch = step.epoch,
                .epochs = step.epochs,
                .batch = step.batch,
                .batches = step.batches,
                .step = step.step,
                .cost = step.cost,
                .images_per_s = step.images_per_s};
    if (step.images_per_s > 0) event.eta_s = static_cast<double>(batches_left * batch_size_) / step.images_per_s;
    emit_(event);
  }

  void on_epoch(const neon::EpochEvent& epoch) override {
    if (training_.listener != nullptr) training_.listener->on_epoch(epoch);
    Event event{.kind = EventKind::epoch,
                .epoch = epoch.epoch,
                .epochs = epoch.epochs,
                .step = epoch.step,
                .cost = epoch.cost,
                .eval_cost = epoch.eval_cost,
                .seconds = epoch.seconds,
                .images_per_s = epoch.images_per_s};
    base::json::object metrics;
    std::vector<std::string> more;
    for (const auto& [name, value] : epoch.metrics)
      if (metrics.size() < wire::kMostMetrics && name.size() <= wire::kMetricNameBytes)
        metrics[name] = value;
      else
        more.push_back(fmt::format("{} {:.4f}", name, value));
    if (!metrics.empty()) event.metrics = std::move(metrics);
    emit_(event);
    for (std::size_t i = 0; i < more.size(); i += kFiguresOfLine)
      say(fmt::format("more figures of epoch {}: {}", epoch.epoch + 1,
                      fmt::join(std::span(more).subspan(i, std::min(kFiguresOfLine, more.size() - i)), ", ")));
    if (!epoch.ended_because.empty()) say("the training ends after this epoch: " + epoch.ended_because);
  }

  void on_checkpoint(const neon::Trainer& trainer) override {
    if (!training_.save) return;
    neon::Checkpoint checkpoint = trainer.checkpoint();
    checkpoint.spec = checked_.spec;
    checkpoint.preprocessing = preprocessing_of(checked_.section);
    checkpoint.labels = labels_;
    checkpoint.provenance["program"] = std::string("neon ") + base::kVersion;
    training_.save(checkpoint);
  }

 private:
  const Training& training_;
  const CheckedModel& checked_;
  std::vector<std::string> labels_;
  std::int64_t batch_size_;
  const Emit& emit_;
  bool first_ = true;
  std::int64_t last_step_us_ = 0;
};

/// The memory of a training goes to the network first. Until that has what it needs, the loaders make few batches ahead
/// and keep nothing decoded; then what is left is shared out.
class Memory {
 public:
  explicit Memory(std::int64_t limit_bytes)
      : limit_(limit_bytes),
        decoding_(
            std::make_shared<aeon::SharedMemory>(decoding_bytes(limit_bytes > 0 ? limit_bytes / 4 : memory_left(0)))) {}

  void begin(aeon::LoaderOptions& options) const {
    options.decoding = decoding_;
    if (limit_ > 0) options.memory_bytes = limit_ / (options.mode == aeon::Mode::train ? 6 : 12);
  }

  /// Weights and states of the optimizer are copied for a checkpoint.
  void share_out(const neon::Graph& graph, aeon::Loader& train, aeon::Loader* eval) const {
    const std::int64_t checkpoint = graph.parameter_count() * 3 * static_cast<std::int64_t>(sizeof(float));
    const std::int64_t eval_batches = eval != nullptr ? limit_ / 12 : 0;  // whose memory is not taken yet
    const std::int64_t left = std::max<std::int64_t>(memory_left(limit_) - checkpoint - eval_batches, 0);
    decoding_->resize(decoding_bytes(left / 3));
    train.add_memory(eval != nullptr ? left / 3 : left * 2 / 3);
    if (eval != nullptr) eval->add_memory(left / 3);
  }

 private:
  std::int64_t limit_;
  std::shared_ptr<aeon::SharedMemory> decoding_;
};

std::unique_ptr<aeon::Loader> loader(const Training& training, const CheckedModel& checked, const Memory& memory,
                                     aeon::Mode mode) {
  const auto& records = mode == aeon::Mode::train ? training.data.train : training.data.eval;
  if (!records) return nullptr;
  aeon::LoaderOptions options;
  options.mode = mode;
  options.batch_size = checked.spec.batch_size;
  options.seed = training.seed;
  options.threads = training.threads;
  options.labels = training.data.labels;
  options.index_limits =
      index_limits(checked.graph, neon::cost_terms(checked.spec.cost, checked.graph), checked.targets);
  memory.begin(options);
  return std::make_unique<aeon::Loader>(checked.section.loader, records, options);
}

/// Begins with the weights of another model and says which.
void start(neon::Plan& plan, const Training& training, const CheckedModel& checked, Reporter& reporter) {
  if (!training.start_from)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the training starts from '{}', which it was not given", *checked.spec.start_from),
                      "/start_from");
  const neon::TakenWeights taken = neon::take_weights(checked.graph, *training.start_from, checked.spec.new_layers);
  plan.import_some_parameters(taken.parameters);
  for (const std::string& line : taken.lines()) reporter.say(line);
}

Outcome train_checked(const Training& training, const CheckedModel& checked, const Emit& emit,
                      const std::atomic<bool>& stop) {
  const Memory memory(training.memory_bytes);
  const auto train_source = loader(training, checked, memory, aeon::Mode::train);
  const bool evaluates = !checked.graph.adversaries;
  const auto eval_source = evaluates ? loader(training, checked, memory, aeon::Mode::evaluate) : nullptr;

  neon::PlanOptions plan_options;
  plan_options.batch_size = checked.spec.batch_size;
  plan_options.threads = training.threads;
  plan_options.inputs = train_source->info().inputs;
  plan_options.targets = train_source->info().targets;
  plan_options.streams = train_source->info().streams;
  plan_options.seed = training.seed;
  plan_options.costs = neon::cost_terms(checked.spec.cost, checked.graph);
  plan_options.optimizer = neon::Shelf<neon::Optimizer>::instance().make(checked.spec.optimizer);
  plan_options.batches_per_update = checked.spec.batches_per_update;
  plan_options.weight_average = checked.spec.weight_average;
  const std::unique_ptr<neon::Plan> plan = neon::compile(checked.graph, plan_options);
  memory.share_out(checked.graph, *train_source, eval_source.get());
  const std::unique_ptr<neon::Metric> metric = neon::Shelf<neon::Metric>::instance().make(checked.spec.metric);

  neon::TrainerOptions options;
  options.epochs = checked.spec.epochs;
  options.checkpoint_every = training.checkpoint_every;
  options.evaluate_every = training.evaluate_every;
  options.callbacks = checked.spec.callbacks;
  neon::Trainer trainer(*plan, *train_source, eval_source.get(), metric.get(), options);
  Reporter reporter(training, checked, train_source->info().labels, checked.spec.batch_size, emit);
  emit({.kind = EventKind::ready});
  for (const std::string& warning : checked.warnings) reporter.warn(warning);
  if (!evaluates && training.data.eval)
    reporter.warn("there is no evaluation of a GenerativeAdversarial; the evaluation records are not read");
  if (const auto warning = unread_target(plan->options().costs, train_source->info())) reporter.warn(*warning);
  if (const auto warning = unused_outputs(checked.graph, train_source->info())) reporter.warn(*warning);
  if (training.resume_from) {
    for (const std::string& warning : resume_warnings(checked, *training.resume_from)) reporter.warn(warning);
    trainer.resume(*training.resume_from);
  } else if (training.start_from || checked.spec.start_from) {
    start(*plan, training, checked, reporter);
  }
  return trainer.run(reporter, stop) == neon::Trainer::Outcome::completed ? Outcome::completed : Outcome::stopped;
}

}  // namespace

Outcome train(const Training& training, const Emit& emit, const std::atomic<bool>& stop) {
  const CheckedModel checked =
      check_model(training.spec, training.data.train->types().size(), training.data.labels.size());
  try {
    return train_checked(training, checked, emit, stop);
  } catch (const base::Error& error) {
    throw neon::located(error, checked.spec);
  }
}

}  // namespace job
