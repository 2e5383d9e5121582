#include <cmath>

#include "neon/callback.h"
#include "neon/trainer.h"

namespace neon {
namespace {

class Figures final : public Callback {
 public:
  struct Config {
    bool learning_rate = true;
    bool gradient_norm = true;
    bool weight_norm = false;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(base::field("learning_rate", &C::learning_rate, "what the optimizer's schedule gave"),
                        base::field("gradient_norm", &C::gradient_norm, "of the epoch's last step"),
                        base::field("weight_norm", &C::weight_norm, "of what is learned"));
    }
  };
  explicit Figures(const Config& config) : config_(config) {}

  void on_epoch(EpochEvent& event, Plan& plan, std::optional<std::string>&) override {
    if (config_.learning_rate && plan.options().optimizer)
      if (const auto rate = plan.options().optimizer->learning_rate(event.epoch))
        event.metrics.emplace_back("LearningRate", *rate);
    if (config_.gradient_norm)
      event.metrics.emplace_back("GradientNorm", plan.gradient_norm() / static_cast<double>(plan.options().batch_size));
    if (config_.weight_norm) event.metrics.emplace_back("WeightNorm", plan.weight_norm());
  }

 private:
  Config config_;
};

const OnShelf<Callback, Figures> registered(
    "FiguresCallback", "learning rate, gradient norm and weight norm beside each epoch's metrics",
    R"(Figures of the training that help to see why it does not learn: `LearningRate`; `GradientNorm`, ‖all gradients‖₂ of the epoch's last
step, of a mean over the batch; `WeightNorm`, ‖all learned weights‖₂. They come with the metrics of the epoch.)");

}  // namespace
}  // namespace neon
