#include <cmath>

#include "neon/schedule.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class PowerSchedule final : public LearningRateSchedule {
 public:
  struct Config {
    std::int64_t step_config = 1;
    double change = 1;
    static constexpr auto fields() {
      return std::tuple(base::field("step_config", &Config::step_config, "epochs of a step").required().at_least(1),
                        base::field("change", &Config::change, "factor of the rate at each step").required());
    }
  };

  explicit PowerSchedule(Config config) : config_(config) {}

  double learning_rate(double base_rate, std::int64_t epoch) const override {
    const std::int64_t times = epoch / config_.step_config;  // whole ones
    return base_rate * std::pow(config_.change, static_cast<double>(times));
  }

 private:
  Config config_;
};

const OnShelf<LearningRateSchedule, PowerSchedule> registered(
    "PowerSchedule", "a factor every so many epochs", "The rate is base rate · `change`^⌊epoch / `step_config`⌋.",
    {{"ExponentialLR", "write PowerSchedule with step_config: 1 and the factor as change"}});

}  // namespace
}  // namespace neon
