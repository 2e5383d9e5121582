#pragma once
#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "neon/checkpoint.h"
#include "neon/metric.h"
#include "neon/plan.h"

namespace neon {

struct EpochEvent;
struct StepEvent;

/// What is known before a training begins.
struct TrainingFacts {
  const Graph& graph;
  const std::vector<std::string>& labels;  ///< names of the classes; may be empty
  bool evaluates = false;                  ///< there are evaluation records
};

/// What a callback may use between an epoch and its evaluation.
struct TrainingView {
  Plan& plan;
  tensor::BatchSource& train;     ///< is sought anew before the next step
  std::int64_t epoch = 0;         ///< from 0; the one that has ended
  const std::atomic<bool>& stop;  ///< the training is asked to stop
};

/// Something done between the steps or the epochs of a training. Threads: called by the thread that trains.
class Callback {
 public:
  static constexpr std::string_view kKind = "callback";
  virtual ~Callback() = default;

  /// Before everything else. Errors: invalid_argument when it cannot do its work in such a training.
  virtual void prepare(const TrainingFacts& facts) { static_cast<void>(facts); }
  /// Before the training, with the names of the figures that its epochs will have. Errors: invalid_argument when it
  /// watches one that there will not be.
  virtual void check(const std::vector<std::string>& figures) const { static_cast<void>(figures); }

  /// Epochs between evaluations, or checkpoints, where nobody else said it.
  virtual std::optional<std::int64_t> evaluation_freq() const { return {}; }
  virtual std::optional<std::int64_t> checkpoint_freq() const { return {}; }

  /// A metric for the evaluations, every so many epochs.
  struct Watch {
    const Metric* metric = nullptr;
    std::int64_t epoch_freq = 1;
  };
  virtual Watch watches() const { return {}; }

  /// When this run of the training begins, which may be a resumed one.
  virtual void on_begin() {}
  /// After each step, before it is reported; it may change what is.
  virtual void on_step(StepEvent& event, Plan& plan) { static_cast<void>(event), static_cast<void>(plan); }
  /// After each epoch, before its evaluation. What it does must follow from the weights alone, since a training that is
  /// stopped in the evaluation does it again when it is resumed.
  virtual void before_evaluation(const TrainingView& view) { static_cast<void>(view); }
  /// After each epoch and its evaluation, before they are reported. It may add figures to the event's metrics, or end
  /// the training by saying why in `finish`.
  virtual void on_epoch(EpochEvent& event, Plan& plan, std::optional<std::string>& finish) {
    static_cast<void>(event), static_cast<void>(plan), static_cast<void>(finish);
  }
  /// When the last epoch is over, before the last checkpoint. A training that is stopped has not come to this.
  virtual void on_end(Plan& plan) { static_cast<void>(plan); }

  /// What it remembers from one step to the next, for checkpoints, so that a resumed training ends the same.
  virtual CallbackState state() const { return {}; }
  virtual void restore(const CallbackState& state) { static_cast<void>(state); }
};

/// Makes a model's callbacks. Errors: invalid_argument with the place.
std::vector<std::shared_ptr<Callback>> make_callbacks(const std::vector<Part>& parts);

}  // namespace neon
