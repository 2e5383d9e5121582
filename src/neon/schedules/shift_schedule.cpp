#include <cmath>

#include "neon/schedule.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class ShiftSchedule final : public LearningRateSchedule {
 public:
  struct Config {
    std::int64_t interval = 1;
    std::int64_t shift_size = 1;
    static constexpr auto fields() {
      return std::tuple(base::field("interval", &Config::interval, "epochs of a step").required().at_least(1),
                        base::field("shift_size", &Config::shift_size, "how often each step halves the rate"));
    }
  };

  explicit ShiftSchedule(Config config) : config_(config) {}

  double learning_rate(double base_rate, std::int64_t epoch) const override {
    const std::int64_t times = epoch / config_.interval;  // whole ones
    return base_rate * std::exp2(-static_cast<double>(config_.shift_size) * static_cast<double>(times));
  }

 private:
  Config config_;
};

const OnShelf<LearningRateSchedule, ShiftSchedule> registered(
    "ShiftSchedule", "halved every so many epochs", "The rate is base rate · 2^(−`shift_size`·⌊epoch / `interval`⌋).");

}  // namespace
}  // namespace neon
