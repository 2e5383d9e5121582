#include "neon/cost.h"
#include "neon/costs/cost_sum.h"
#include "neon/shelf.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED double value_of(const float* y, const float* t, std::int64_t n, float steepness) {
  const float border = 1.0f / steepness;
  return sum_of(n, [=](std::int64_t i) {
    const float x = __builtin_fabsf(y[i] - t[i]);
    return x < border ? 0.5f * steepness * x * x : x - 0.5f * border;
  });
}

NCLOUD_VECTORIZED void gradient_of(const float* y, const float* t, float* dy, std::int64_t n, float steepness) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float slope = steepness * (y[i] - t[i]);
    const float under = slope < -1.0f ? -1.0f : slope;
    dy[i] = 1.0f < under ? 1.0f : under;
  }
}

/// Source: Girshick 2015, "Fast R-CNN", eq. 3; sigma as in the code of Faster R-CNN.
class SmoothL1Loss final : public Cost {
 public:
  struct Config {
    double sigma = 1.0;
    static constexpr auto fields() {
      return std::tuple(base::field("sigma", &Config::sigma, "the parabola goes to ±1/sigma²").positive());
    }
  };
  explicit SmoothL1Loss(Config config) : steepness_(config.sigma * config.sigma) {}

  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
               std::int64_t columns) const override {
    return value_of(y.data(), t.data(), rows * columns, static_cast<float>(steepness_)) / static_cast<double>(rows);
  }
  void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                std::int64_t columns) const override {
    gradient_of(y.data(), t.data(), dy.data(), rows * columns, static_cast<float>(steepness_));
  }
  double reference_value(std::span<const double> y, std::span<const double> t) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double x = std::abs(y[i] - t[i]);
      sum += x < 1 / steepness_ ? 0.5 * steepness_ * x * x : x - 0.5 / steepness_;
    }
    return sum;
  }

 private:
  double steepness_;
};

const OnShelf<Cost, SmoothL1Loss> registered(
    "SmoothL1Loss", "the distance, but a parabola near 0",
    R"(With x = y − t and s = `sigma`² each output costs s·x²/2 where |x| < 1/s, else |x| − 1/(2s); the value is their sum. The
gradient is s·x, at most ±1.)",
    {{"HuberLoss", "write SmoothL1Loss, which is the same for a delta and a sigma of 1"},
     {"Huber", "write SmoothL1Loss, which is the same for a delta and a sigma of 1"},
     {"L1Loss", "write SmoothL1Loss with a large sigma, such as 100"},
     {"mean_absolute_error", "write SmoothL1Loss with a large sigma, such as 100"}});

}  // namespace
}  // namespace neon
