#include "neon/cost.h"
#include "neon/costs/cost_sum.h"
#include "neon/shelf.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED double value_of(const float* y, const float* t, std::int64_t n) {
  return sum_of(
      n, [=](std::int64_t i) { return safelog_quick(1.0f - y[i]) * (t[i] - 1.0f) - safelog_quick(y[i]) * t[i]; });
}

NCLOUD_VECTORIZED void gradient_of(const float* y, const float* t, float* dy, std::int64_t n, float scale) {
  for (std::int64_t i = 0; i < n; ++i) dy[i] = scale * (y[i] - t[i]);
}

NCLOUD_VECTORIZED void true_gradient_of(const float* y, const float* t, float* dy, std::int64_t n, float scale) {
  for (std::int64_t i = 0; i < n; ++i)
    dy[i] = scale * (safelog_slope(1.0f - y[i]) * (1.0f - t[i]) - safelog_slope(y[i]) * t[i]);
}

class CrossEntropyBinary final : public Cost {
 public:
  struct Config {
    double scale = 1;
    static constexpr auto fields() {
      return std::tuple(base::field("scale", &Config::scale, "factor of the gradient; the value is not scaled"));
    }
  };
  explicit CrossEntropyBinary(Config config) : config_(config) {}

  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
               std::int64_t columns) const override {
    return value_of(y.data(), t.data(), rows * columns) / static_cast<double>(rows);
  }
  void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                std::int64_t columns) const override {
    gradient_of(y.data(), t.data(), dy.data(), rows * columns, static_cast<float>(config_.scale));
  }
  void true_gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                     std::int64_t columns) const override {
    true_gradient_of(y.data(), t.data(), dy.data(), rows * columns, static_cast<float>(config_.scale));
  }
  double gradient_scale() const override { return config_.scale; }
  double reference_value(std::span<const double> y, std::span<const double> t) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += safelog(1 - y[i]) * (t[i] - 1) - safelog(y[i]) * t[i];
    return sum;
  }
  std::string_view shortcut_activation() const override { return "Logistic"; }

 private:
  Config config_;
};

const OnShelf<Cost, CrossEntropyBinary> registered(
    "CrossEntropyBinary", "for independent yes/no outputs of a Logistic",
    R"(The value is Σ safelog(1 − y)·(t − 1) − safelog(y)·t. With a `Logistic` as the last activation, the gradient is
taken with respect to the input of the activation: `scale`·(y − t).)",
    {{"BCELoss", ""},
     {"binary_crossentropy", ""},
     {"BCEWithLogitsLoss", "write CrossEntropyBinary, with Logistic as the last activation"}});

}  // namespace
}  // namespace neon
