#include "neon/schedule.h"
#include "neon/schedules/listed_rates.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class StepSchedule final : public LearningRateSchedule {
 public:
  struct Config {
    std::vector<std::int64_t> step_config;
    std::vector<double> change;
    static constexpr auto fields() {
      return std::tuple(
          base::field("step_config", &Config::step_config, "epochs from which on the rate is another").required(),
          base::field("change", &Config::change, "the rate from each of these epochs on").required());
    }
  };

  explicit StepSchedule(Config config) : config_(std::move(config)) {
    if (config_.step_config.size() != config_.change.size())
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("step_config lists {} epochs and change {} learning rates; each epoch needs one",
                                    config_.step_config.size(), config_.change.size()));
  }

  double learning_rate(double base_rate, std::int64_t epoch) const override {
    return listed_rate(config_.step_config, config_.change, base_rate, epoch);
  }

 private:
  Config config_;
};

const OnShelf<LearningRateSchedule, StepSchedule> registered(
    "StepSchedule", "listed learning rates from listed epochs on",
    R"(The rate is the one listed for the last epoch that has come, and the base rate before the first. neon remembers the last
epoch that it met in the list and so must count through them; here every epoch knows its rate.)");

}  // namespace
}  // namespace neon
