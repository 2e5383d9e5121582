#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "neon/callback.h"
#include "neon/checkpoint.h"
#include "neon/metric.h"
#include "neon/plan.h"
#include "tensor/batch.h"

namespace neon {

/// How many of a tensor's numbers have which power of two.
inline constexpr std::size_t kHistogramBins = 64;
inline constexpr std::int64_t kHistogramOffset = -48;  ///< what the first bin stands for, and all that is smaller
struct Histogram {
  std::string name;  ///< "<layer>/<parameter>"; of gradients "<layer>/d<parameter>"
  std::array<std::int64_t, kHistogramBins> counts{};
};
std::array<std::int64_t, kHistogramBins> histogram_of(std::span<const float> values);

struct StepEvent {
  std::int64_t epoch = 0;  ///< from 0
  std::int64_t epochs = 0;
  std::int64_t batch = 0;    ///< done in this epoch, this one included
  std::int64_t batches = 0;  ///< in an epoch
  std::int64_t step = 0;     ///< batches since the beginning of training
  double cost = 0;           ///< mean of the last up to 10 batches of this run
  double images_per_s = 0;
  double batch_cost = 0;              ///< of this batch alone
  std::vector<Histogram> histograms;  ///< of callbacks
};

struct EpochEvent {
  std::int64_t epoch = 0;  ///< from 0; the one that has ended
  std::int64_t epochs = 0;
  std::int64_t step = 0;
  double cost = 0;                                      ///< mean over the epoch's batches
  std::optional<double> eval_cost;                      ///< over the evaluation records, when there was an evaluation
  std::vector<std::pair<std::string, double>> metrics;  ///< likewise
  double seconds = 0;                                   ///< of training in this run's part of the epoch
  double eval_seconds = 0;                              ///< of the evaluation
  double images_per_s = 0;
  std::vector<Histogram> histograms;  ///< of callbacks
  std::string ended_because;          ///< of the last epoch, when a callback ended the training before its time
};

class Trainer;

/// Who wants to know how a training goes. Called between steps by the thread that trains; a step waits for it.
class TrainingEvents {
 public:
  virtual ~TrainingEvents() = default;
  virtual void on_first_batch(const tensor::Batch&) {}  ///< of this run, before its step
  virtual void on_step(const StepEvent&) {}
  virtual void on_epoch(const EpochEvent&) {}
  /// Time for a checkpoint: every checkpoint_every epochs, at the end, and when stopped. An epoch with an evaluation
  /// has one before it, so that nothing that happens there costs the epoch, and one after it.
  virtual void on_checkpoint(const Trainer&) {}
};

struct TrainerOptions {
  std::int64_t epochs = 1;
  std::optional<std::int64_t> checkpoint_every;  ///< epochs; 0: only at the end and when stopped
  std::optional<std::int64_t> evaluate_every;    ///< epochs; 0: never. Both where absent: as callbacks say, or 1
  std::vector<Part> callbacks;                   ///< of the model; in the order in which they are asked
};

/// Mean cost and metrics over the records of a source, by the prediction pass. Nothing when `stop` became true, which
/// is looked at between batches. `metrics` may hold null pointers. Errors: invalid_argument when the cost is not a
/// number, with `when` in the message; those of the source.
struct Evaluation {
  double cost = 0;
  std::vector<std::pair<std::string, double>> metrics;
};
std::optional<Evaluation> evaluate(Plan& plan, tensor::BatchSource& source, const std::vector<const Metric*>& metrics,
                                   const std::atomic<bool>& stop, std::string_view when = {});

/// Errors: invalid_argument for a metric of whole sequences where the main output's cost compares rows. (One of rows is
/// left out where its cost compares sequences.)
void check_metric(const Metric& metric, std::span<const CostTerm> costs, std::string_view where);

/// Trains a plan on a source. Everything that the next step depends on is in the plan's tensors and the position, so a
/// training that stops anywhere and goes on from a checkpoint ends with the same bits as one that never stopped.
class Trainer {
 public:
  /// `eval` and `metric` may be absent. All must live as long as the trainer.
  /// Errors: invalid_argument when a source's shapes or batch size are not the plan's.
  Trainer(Plan& plan, tensor::BatchSource& train, tensor::BatchSource* eval, const Metric* metric,
          const TrainerOptions& options);

  /// Takes over weights, optimizer states and position; goes on at the same record. Errors: invalid_argument with both
  /// values when they belong to another network or seed, or, within an epoch, to other data or to a batch size that has
  /// no batch beginning there.
  void resume(const Checkpoint& checkpoint);

  enum class Outcome { completed, stopped };

  /// Trains from the present position to the end of the epochs, or until `stop` becomes true, which is looked at
  /// between steps and while evaluating. What is not a number ends it: no checkpoint has any. A fault in the data ends
  /// it after a checkpoint of the steps done.
  /// Errors: invalid_argument naming step and layer where a number is lost; those of the sources and of `events`.
  Outcome run(TrainingEvents& events, const std::atomic<bool>& stop);

  const TrainingPosition& position() const { return position_; }

  /// Tensors and position of now; spec, preprocessing, labels and provenance are the caller's to add.
  Checkpoint checkpoint() const;

 private:
  bool train_epoch(TrainingEvents& events, const std::atomic<bool>& stop);
  bool finish_epoch(TrainingEvents& events, const std::atomic<bool>& stop);
  const tensor::Batch* next_batch(TrainingEvents& events);
  void step(const tensor::Batch& batch);
  void resume_averages(const Checkpoint& checkpoint);
  void check_finite();
  void save(TrainingEvents& events);
  void set_up_callbacks();
  void ask_callbacks(EpochEvent& event);
  bool due(std::int64_t every) const;
  std::vector<const Metric*> due_metrics() const;
  std::optional<Evaluation> evaluate_or_save(TrainingEvents& events, const std::vector<const Metric*>& metrics,
                                             const std::atomic<bool>& stop);
  double recent_cost() const;

  Plan& plan_;
  tensor::BatchSource& train_;
  tensor::BatchSource* eval_;
  const Metric* metric_;
  TrainerOptions options_;
  std::vector<std::shared_ptr<Callback>> callbacks_;
  TrainingPosition position_;
  std::optional<std::pair<std::int64_t, bool>> saved_;  ///< step of the last checkpoint; whether it awaits evaluation
  double epoch_seconds_ = 0;                            ///< of this run's part of the epoch
  std::int64_t epoch_images_ = 0;
  double last_cost_ = 0;
  std::int64_t checked_step_ = -1;
  bool first_batch_ = true;
  const tensor::Batch* last_batch_ = nullptr;  ///< while its data hold
  std::array<double, 10> recent_{};
  std::int64_t recent_count_ = 0;
};

}  // namespace neon
