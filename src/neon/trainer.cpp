#include "neon/trainer.h"

#include <cmath>

#include "base/clock.h"
#include "base/error.h"

namespace neon {
namespace {

void check_source(const Plan& plan, const tensor::SourceInfo& info, std::string_view which) {
  const auto refuse = [&](std::string message) {
    throw base::Error(base::Code::invalid_argument, fmt::format("{} data: {}", which, message));
  };
  if (info.record_count < 1) refuse("there are no records");
  if (info.sample_shape != plan.graph().sample_shape)
    refuse(fmt::format("records are {}, but the network was made for {}", tensor::text(info.sample_shape),
                       tensor::text(plan.graph().sample_shape)));
  if (info.batch_size != plan.options().batch_size)
    refuse(fmt::format("batches have {} records, but the network was made for {}", info.batch_size,
                       plan.options().batch_size));
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

}  // namespace

Evaluation evaluate(Plan& plan, tensor::BatchSource& source, const Metric* metric) {
  const Cost& cost = *plan.options().cost;
  const std::int64_t columns = plan.graph().out_count();
  std::vector<std::string> names;
  if (metric != nullptr) names = metric->names();
  std::vector<double> sums(names.size(), 0.0);
  double cost_sum = 0;
  std::int64_t count = 0;
  source.seek(0, 0);
  while (const tensor::Batch* batch = source.next()) {
    const auto length = static_cast<std::size_t>(batch->count * columns);
    const auto t = plan.targets(*batch).first(length);
    const auto y = plan.infer(batch->input).first(length);
    cost_sum += cost.value(y, t, batch->count, columns) * static_cast<double>(batch->count);
    if (metric != nullptr) metric->add(y, t, batch->count, columns, sums);
    count += batch->count;
  }
  Evaluation result;
  const double records = static_cast<double>(std::max<std::int64_t>(count, 1));
  result.cost = cost_sum / records;
  for (std::size_t i = 0; i < names.size(); ++i) result.metrics.emplace_back(names[i], sums[i] / records);
  return result;
}

Trainer::Trainer(Plan& plan, tensor::BatchSource& train, tensor::BatchSource* eval, const Metric* metric,
                 const TrainerOptions& options)
    : plan_(plan), train_(train), eval_(eval), metric_(metric), options_(options) {
  check_source(plan, train.info(), "training");
  if (eval != nullptr) check_source(plan, eval->info(), "evaluation");
  position_.seed = plan.options().seed;
  position_.threads = plan.threads();
}

void Trainer::resume(const Checkpoint& checkpoint) {
  if (checkpoint.position.seed != plan_.options().seed)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the checkpoint was trained with seed {}, this training has seed {}; a resumed "
                                  "training must keep its seed",
                                  checkpoint.position.seed, plan_.options().seed));
  plan_.import_parameters(checkpoint.parameters);
  plan_.import_optimizer_states(checkpoint.optimizer_states);
  position_ = checkpoint.position;
  position_.threads = plan_.threads();
  recent_count_ = 0;
}

Checkpoint Trainer::checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.sample_shape = plan_.graph().sample_shape;
  checkpoint.position = position_;
  checkpoint.parameters = plan_.export_parameters();
  checkpoint.optimizer_states = plan_.export_optimizer_states();
  return checkpoint;
}

Trainer::Outcome Trainer::run(TrainingEvents& events, const std::atomic<bool>& stop) {
  while (position_.epoch < options_.epochs) {
    if (!run_epoch(events, stop)) {
      events.on_checkpoint(*this);
      return Outcome::stopped;
    }
    const bool last = position_.epoch == options_.epochs;
    if (last || (options_.checkpoint_every > 0 && position_.epoch % options_.checkpoint_every == 0))
      events.on_checkpoint(*this);
  }
  return Outcome::completed;
}

/// False when stopped before the epoch's end.
bool Trainer::run_epoch(TrainingEvents& events, const std::atomic<bool>& stop) {
  const std::int64_t begin = base::steady_now_us();
  const std::int64_t batches = train_.info().batches_per_epoch();
  Rate rate;
  std::int64_t images = 0;
  train_.seek(position_.epoch, position_.batch);
  while (position_.batch < batches) {
    if (stop.load(std::memory_order_relaxed)) return false;
    const tensor::Batch* batch = train_.next();
    if (batch == nullptr)
      throw base::Error(base::Code::internal,
                        fmt::format("the training data ended after batch {} of {}", position_.batch, batches));
    step(*batch);
    images += batch->count;
    rate.add(batch->count);
    events.on_step(
        {position_.epoch, options_.epochs, position_.batch, batches, position_.step, recent_cost(), rate.per_second()});
  }
  end_epoch(events, static_cast<double>(base::steady_now_us() - begin) * 1e-6, images);
  return true;
}

void Trainer::step(const tensor::Batch& batch) {
  StepScalars scalars;
  scalars.epoch = position_.epoch;
  scalars.step = position_.step + 1;
  const double cost = plan_.train_step(batch, scalars);
  if (!std::isfinite(cost))
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("the cost is no longer a number ({}) at epoch {}, batch {}: the training has diverged. "
                    "Lower the learning rate, start with smaller weights, or clip the gradients (gradient_clip_norm)",
                    cost, position_.epoch, position_.batch));
  ++position_.step;
  ++position_.batch;
  position_.epoch_cost_sum += cost;
  ++position_.epoch_cost_count;
  recent_[static_cast<std::size_t>(recent_count_++) % recent_.size()] = cost;
}

void Trainer::end_epoch(TrainingEvents& events, double seconds, std::int64_t images) {
  EpochEvent event;
  event.epoch = position_.epoch;
  event.epochs = options_.epochs;
  event.step = position_.step;
  event.cost = position_.epoch_cost_sum / static_cast<double>(std::max<std::int64_t>(position_.epoch_cost_count, 1));
  event.seconds = seconds;
  event.images_per_s = seconds > 0 ? static_cast<double>(images) / seconds : 0;
  ++position_.epoch;
  position_.batch = 0;
  position_.epoch_cost_sum = 0;
  position_.epoch_cost_count = 0;
  const bool last = position_.epoch == options_.epochs;
  if (eval_ != nullptr && options_.evaluate_every > 0 && (last || position_.epoch % options_.evaluate_every == 0)) {
    Evaluation evaluation = evaluate(plan_, *eval_, metric_);
    event.eval_cost = evaluation.cost;
    event.metrics = std::move(evaluation.metrics);
  }
  events.on_epoch(event);
}

double Trainer::recent_cost() const {
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(recent_count_), recent_.size());
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += recent_[i];
  return sum / static_cast<double>(count);
}

}  // namespace neon
