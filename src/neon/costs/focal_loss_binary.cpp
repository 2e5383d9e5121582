#include "neon/cost.h"
#include "neon/costs/focal.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// Source: Lin et al. 2017, "Focal loss for dense object detection", eq. 5.
class FocalLossBinary final : public Cost {
 public:
  struct Config {
    double gamma = 2;
    std::optional<double> alpha;
    double scale = 1;
    static constexpr auto fields() {
      return std::tuple(
          base::field("gamma", &Config::gamma, "how much less the well known costs; 0 for CrossEntropyBinary")
              .at_least(0),
          base::field("alpha", &Config::alpha,
                      "factor of the targets 1; those of 0 have 1 − alpha. Without it both have 1. 0.25 in the paper")
              .range(0, 1),
          base::field("scale", &Config::scale, "factor of the gradient; the value is not scaled"));
    }
  };
  explicit FocalLossBinary(Config config)
      : config_(config),
        gamma_(static_cast<float>(config.gamma)),
        yes_(static_cast<float>(config.alpha.value_or(1))),
        no_(static_cast<float>(config.alpha ? 1 - *config.alpha : 1)) {}

  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
      sum +=
          static_cast<double>(yes_ * t[i] * focal_cost(y[i], gamma_) + no_ * (1 - t[i]) * focal_cost(1 - y[i], gamma_));
    return sum / static_cast<double>(rows);
  }

  void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t,
                std::int64_t) const override {
    for (std::size_t i = 0; i < y.size(); ++i)
      dy[i] = scale() * (yes_ * t[i] * focal_slope_before_logistic(y[i], gamma_) -
                         no_ * (1 - t[i]) * focal_slope_before_logistic(1 - y[i], gamma_));
  }

  void true_gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t,
                     std::int64_t) const override {
    for (std::size_t i = 0; i < y.size(); ++i)
      dy[i] = scale() * (yes_ * t[i] * focal_slope(y[i], gamma_) - no_ * (1 - t[i]) * focal_slope(1 - y[i], gamma_));
  }

  double gradient_scale() const override { return config_.scale; }
  double reference_value(std::span<const double> y, std::span<const double> t) const override {
    const double yes = config_.alpha.value_or(1), no = config_.alpha ? 1 - *config_.alpha : 1;
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
      sum += yes * t[i] * focal_cost(y[i], config_.gamma) + no * (1 - t[i]) * focal_cost(1 - y[i], config_.gamma);
    return sum;
  }
  std::string_view shortcut_activation() const override { return "Logistic"; }

 private:
  float scale() const { return static_cast<float>(config_.scale); }

  Config config_;
  float gamma_, yes_, no_;
};

const OnShelf<Cost, FocalLossBinary> registered(
    "FocalLossBinary", "CrossEntropyBinary that cares less for what is known well, outputs of a Logistic",
    R"(The value is −Σ (a·t·(1 − y)^`gamma`·safelog(y) + b·(1 − t)·y^`gamma`·safelog(1 − y)), with a = `alpha` and b = 1 − `alpha`, or
both 1. With `Logistic` as the last activation the gradient is taken with respect to the input of the activation, as for
CrossEntropyBinary; it is exact. Not in neon.)",
    {{"sigmoid_focal_loss", ""}, {"BinaryFocalCrossentropy", ""}});

}  // namespace
}  // namespace neon
