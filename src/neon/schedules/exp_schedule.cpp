#include "neon/schedule.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class ExpSchedule final : public LearningRateSchedule {
 public:
  struct Config {
    double decay = 0;
    static constexpr auto fields() {
      return std::tuple(
          base::field("decay", &Config::decay, "the rate is halved after 1 / decay epochs").required().at_least(0));
    }
  };

  explicit ExpSchedule(Config config) : config_(config) {}

  double learning_rate(double base_rate, std::int64_t epoch) const override {
    return base_rate / (1 + config_.decay * static_cast<double>(epoch));
  }

 private:
  Config config_;
};

const OnShelf<LearningRateSchedule, ExpSchedule> registered(
    "ExpSchedule", "falls as 1 over the epochs",
    "The rate is base rate / (1 + `decay`·epoch). The name is neon's; an exponential is PowerSchedule with "
    "`step_config: 1`.",
    {{"InverseTimeDecay", ""}});

}  // namespace
}  // namespace neon
