#include <cmath>
#include <numbers>

#include "neon/schedule.h"
#include "neon/schedules/warm_up.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// Source: Loshchilov and Hutter 2017, "SGDR", eq. 5, without restarts.
class CosineSchedule final : public LearningRateSchedule {
 public:
  struct Config {
    std::int64_t total_epochs = 1;
    std::int64_t warmup_epochs = 0;
    double final_share = 0;
    static constexpr auto fields() {
      return std::tuple(
          base::field("total_epochs", &Config::total_epochs,
                      "epochs after which the rate is the least, warm-up included")
              .required()
              .at_least(1),
          base::field("warmup_epochs", &Config::warmup_epochs, "epochs in which it rises, under total_epochs")
              .at_least(0),
          base::field("final_share", &Config::final_share, "the least rate as a share of the base rate").range(0, 1));
    }
  };

  explicit CosineSchedule(Config config) : config_(config) {
    if (config_.warmup_epochs >= config_.total_epochs)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("warmup_epochs must be under total_epochs, got {} of {}", config_.warmup_epochs,
                                    config_.total_epochs));
  }

  double learning_rate(double base_rate, std::int64_t epoch) const override {
    if (epoch < config_.warmup_epochs) return base_rate * warm_share(epoch, config_.warmup_epochs);
    if (epoch >= config_.total_epochs) return base_rate * config_.final_share;
    const double done = static_cast<double>(epoch - config_.warmup_epochs) /
                        static_cast<double>(config_.total_epochs - config_.warmup_epochs);
    const double left = (1 + std::cos(std::numbers::pi * done)) / 2;
    return base_rate * (config_.final_share + (1 - config_.final_share) * left);
  }

 private:
  Config config_;
};

const OnShelf<LearningRateSchedule, CosineSchedule> registered(
    "CosineSchedule", "falls as half a cosine, after a warm-up if wanted",
    R"(With w = `warmup_epochs` and f = `final_share` the rate is

    base rate · (epoch + 1) / (w + 1)                                                   in the first w epochs
    base rate · (f + (1 − f)·(1 + cos(π·(epoch − w) / (total_epochs − w))) / 2)         then
    base rate · f                                                                       from total_epochs on

Not in neon.)",
    {{"CosineAnnealingLR", ""},
     {"CosineDecay", ""},
     {"CosineAnnealingWarmRestarts", "write CosineSchedule, which does not restart"},
     {"OneCycleLR", "write CosineSchedule with warmup_epochs"}});

}  // namespace
}  // namespace neon
