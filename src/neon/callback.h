#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "neon/checkpoint.h"
#include "neon/plan.h"

namespace neon {

struct EpochEvent;

/// Something done between the epochs of a training. Threads: called by the thread that trains.
class Callback {
 public:
  static constexpr std::string_view kKind = "callback";
  virtual ~Callback() = default;

  /// Before the training, with the names of the figures that its epochs will have. Errors: invalid_argument when it
  /// watches one that there will not be.
  virtual void check(const std::vector<std::string>& figures) const { static_cast<void>(figures); }

  /// After each epoch and its evaluation, before they are reported. It may add figures to the event's metrics, or end
  /// the training by saying why in `finish`.
  virtual void on_epoch(EpochEvent& event, Plan& plan, std::optional<std::string>& finish) = 0;
  /// When the last epoch is over, before the last checkpoint. A training that is stopped has not come to this.
  virtual void on_end(Plan& plan) { static_cast<void>(plan); }

  /// What it remembers from one epoch to the next, for checkpoints, so that a resumed training ends the same.
  virtual CallbackState state() const { return {}; }
  virtual void restore(const CallbackState& state) { static_cast<void>(state); }
};

/// Makes a model's callbacks. Errors: invalid_argument with the place.
std::vector<std::shared_ptr<Callback>> make_callbacks(const std::vector<Part>& parts);

}  // namespace neon
