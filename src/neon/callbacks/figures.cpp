#include <cmath>

#include "neon/callback.h"
#include "neon/callbacks/exact.h"
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

  /// The gradients of a step are gone when a training is resumed at the end of its epoch.
  void on_step(StepEvent& event, Plan& plan) override {
    if (!config_.gradient_norm || event.batch != event.batches) return;
    const std::int64_t summed = (event.batches - 1) % plan.options().batches_per_update + 1;
    gradient_norm_ = plan.gradient_norm() / static_cast<double>(plan.options().batch_size * summed);
  }
  void on_epoch(EpochEvent& event, Plan& plan, std::optional<std::string>&) override {
    if (config_.learning_rate && plan.options().optimizer)
      if (const auto rate = plan.options().optimizer->learning_rate(event.epoch))
        event.metrics.emplace_back("LearningRate", *rate);
    if (config_.gradient_norm) event.metrics.emplace_back("GradientNorm", gradient_norm_);
    if (config_.weight_norm) event.metrics.emplace_back("WeightNorm", plan.weight_norm());
  }

  CallbackState state() const override { return {{{"gradient_norm", exact(gradient_norm_)}}, {}}; }
  void restore(const CallbackState& state) override {
    const auto found = state.values.find("gradient_norm");
    if (found != state.values.end()) gradient_norm_ = exact_number(found->value());
  }

 private:
  Config config_;
  double gradient_norm_ = 0;
};

const OnShelf<Callback, Figures> registered(
    "FiguresCallback", "learning rate, gradient norm and weight norm beside each epoch's metrics",
    R"(Figures of the training that help to see why it does not learn: `LearningRate`; `GradientNorm`, ‖all gradients‖₂ of the epoch's last
update, of a mean over its examples; `WeightNorm`, ‖all learned weights‖₂. They come with the metrics of the epoch.)");

}  // namespace
}  // namespace neon
