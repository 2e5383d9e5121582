#include "neon/schedule.h"
#include "neon/schedules/warm_up.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class Warmup final : public LearningRateSchedule {
 public:
  struct Config {
    std::int64_t warmup_epochs = 1;
    Part schedule{"Schedule"};
    static constexpr auto fields() {
      return std::tuple(
          base::field("warmup_epochs", &Config::warmup_epochs, "epochs in which the rate rises").required().at_least(0),
          base::field("schedule", &Config::schedule, "what is warmed up"));
    }
  };

  explicit Warmup(const Config& config)
      : warmup_epochs_(config.warmup_epochs),
        schedule_(Shelf<LearningRateSchedule>::instance().make(config.schedule)) {}

  double learning_rate(double base_rate, std::int64_t epoch) const override {
    return schedule_->learning_rate(base_rate, epoch) * warm_share(epoch, warmup_epochs_);
  }

 private:
  std::int64_t warmup_epochs_;
  std::shared_ptr<const LearningRateSchedule> schedule_;
};

const OnShelf<LearningRateSchedule, Warmup> registered(
    "Warmup", "any other schedule, rising at first",
    R"(In the first w = `warmup_epochs` epochs the rate is that of `schedule` times (epoch + 1) / (w + 1). The other schedule counts
its epochs from the beginning of the training, too. Not in neon.

```yaml
optimizer:
  type: GradientDescentMomentum
  config:
    learning_rate: 0.1
    momentum_coef: 0.9
    schedule: {type: Warmup, config: {warmup_epochs: 5, schedule: {type: PowerSchedule, config: {step_config: 30, change: 0.1}}}}
```)",
    {{"LinearLR", ""}, {"WarmupLR", ""}});

}  // namespace
}  // namespace neon
