#include "neon/cost.h"
#include "neon/costs/cost_sum.h"
#include "neon/shelf.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

/// How far the output is short of the margin; the sign is the target's, 1 for 1 and −1 for 0. NaN stays NaN.
[[gnu::always_inline]] inline float short_of(float margin, float sign, float y) {
  const float lack = margin - sign * y;
  return lack < 0.0f ? 0.0f : lack;
}

NCLOUD_VECTORIZED double value_of(const float* y, const float* t, std::int64_t n, float margin) {
  return sum_of(n, [=](std::int64_t i) {
    const float lack = short_of(margin, 2.0f * t[i] - 1.0f, y[i]);
    return lack * lack;
  });
}

NCLOUD_VECTORIZED void gradient_of(const float* y, const float* t, float* dy, std::int64_t n, float margin,
                                   float per_column) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float sign = 2.0f * t[i] - 1.0f;
    dy[i] = -2.0f * per_column * sign * short_of(margin, sign, y[i]);
  }
}

/// Source: Tang 2013, "Deep learning using linear support vector machines", eq. 10.
class SquareHingeLoss final : public Cost {
 public:
  struct Config {
    double margin = 1;
    static constexpr auto fields() {
      return std::tuple(base::field("margin", &Config::margin, "how far from 0 an output must be on its side"));
    }
  };
  explicit SquareHingeLoss(Config config) : margin_(config.margin) {}

  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
               std::int64_t columns) const override {
    return value_of(y.data(), t.data(), rows * columns, static_cast<float>(margin_)) /
           static_cast<double>(rows * columns);
  }
  void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                std::int64_t columns) const override {
    gradient_of(y.data(), t.data(), dy.data(), rows * columns, static_cast<float>(margin_),
                1.0f / static_cast<float>(columns));
  }
  double reference_value(std::span<const double> y, std::span<const double> t) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double lack = std::max(margin_ - (2 * t[i] - 1) * y[i], 0.0);
      sum += lack * lack;
    }
    return sum / static_cast<double>(y.size());
  }

 private:
  double margin_;
};

const OnShelf<Cost, SquareHingeLoss> registered(
    "SquareHingeLoss", "for outputs whose sign decides, without an activation",
    R"(Targets are 0 and 1; with u = 2t − 1 the value is mean max(`margin` − u·y, 0)², the gradient −2·u·max(`margin` − u·y, 0) /
outputs.)",
    {{"squared_hinge", ""},
     {"HingeLoss", "write SquareHingeLoss"},
     {"hinge", "write SquareHingeLoss"},
     {"MultiMarginLoss", "write SquareHingeLoss"}});

}  // namespace
}  // namespace neon
