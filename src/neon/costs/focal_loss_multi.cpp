#include "neon/cost.h"
#include "neon/costs/class_weights.h"
#include "neon/costs/focal.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// Source: Lin et al. 2017, "Focal loss for dense object detection", eq. 5, for one class out of many.
class FocalLossMulti final : public Cost {
 public:
  struct Config {
    double gamma = 2;
    ClassWeights class_weights;
    double scale = 1;
    static constexpr auto fields() {
      return std::tuple(
          base::field("gamma", &Config::gamma, "how much less the well known costs; 0 for CrossEntropyMulti")
              .at_least(0),
          base::field("class_weights", &Config::class_weights, "a factor for each class, in their order"),
          base::field("scale", &Config::scale, "factor of the gradient; the value is not scaled"));
    }
  };
  explicit FocalLossMulti(Config config) : config_(std::move(config)), gamma_(static_cast<float>(config_.gamma)) {}

  void check_columns(std::int64_t columns) const override { config_.class_weights.check(columns); }

  /// Targets are mostly one-hot, so powers and logarithms are taken only where there is a target.
  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
               std::int64_t columns) const override {
    double sum = 0;
    for_each_target(t, rows, columns, [&](std::size_t i, double weight) {
      sum += weight * static_cast<double>(focal_cost(y[i], gamma_));
    });
    return sum / static_cast<double>(rows);
  }

  void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                std::int64_t columns) const override {
    std::fill(dy.begin(), dy.end(), 0.0f);
    for_each_target(t, rows, columns, [&](std::size_t i, double weight) {
      dy[i] = static_cast<float>(weight * config_.scale) * focal_slope_times_y(y[i], gamma_);
    });
    for (std::int64_t row = 0; row < rows; ++row) {  // through the Softmax: dx = h − y·Σh, h = y·d(cost)/dy
      float sum = 0;
      for (std::int64_t i = row * columns; i < (row + 1) * columns; ++i) sum += dy[static_cast<std::size_t>(i)];
      for (std::int64_t i = row * columns; i < (row + 1) * columns; ++i)
        dy[static_cast<std::size_t>(i)] -= y[static_cast<std::size_t>(i)] * sum;
    }
  }

  void true_gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                     std::int64_t columns) const override {
    std::fill(dy.begin(), dy.end(), 0.0f);
    for_each_target(t, rows, columns, [&](std::size_t i, double weight) {
      dy[i] = static_cast<float>(weight * config_.scale) * focal_slope(y[i], gamma_);
    });
  }

  double gradient_scale() const override { return config_.scale; }
  double reference_value(std::span<const double> y, std::span<const double> t) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += config_.class_weights[i] * t[i] * focal_cost(y[i], config_.gamma);
    return sum;
  }
  std::string_view shortcut_activation() const override { return "Softmax"; }

 private:
  template <class Work>
  void for_each_target(std::span<const float> t, std::int64_t rows, std::int64_t columns, const Work& work) const {
    check_columns(columns);
    const auto count = static_cast<std::size_t>(rows * columns), length = static_cast<std::size_t>(columns);
    for (std::size_t i = 0; i < count; ++i)
      if (t[i] != 0) work(i, config_.class_weights[i % length] * static_cast<double>(t[i]));
  }

  Config config_;
  float gamma_;
};

const OnShelf<Cost, FocalLossMulti> registered(
    "FocalLossMulti", "CrossEntropyMulti that cares less for what is known well, outputs of a Softmax",
    R"(The value is −Σ w·t·(1 − y)^`gamma`·safelog(y), with w from `class_weights` or 1. With `Softmax` as the last activation the
gradient is taken with respect to the input of the activation, as for CrossEntropyMulti; it is exact. Not in neon.)",
    {{"FocalLoss", "write FocalLossMulti after a Softmax, or FocalLossBinary after a Logistic"},
     {"CategoricalFocalCrossentropy", ""}});

}  // namespace
}  // namespace neon
