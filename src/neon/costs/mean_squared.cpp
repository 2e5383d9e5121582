#include "neon/cost.h"
#include "neon/costs/cost_sum.h"
#include "neon/shelf.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED double value_of(const float* y, const float* t, std::int64_t n) {
  return 0.5 * sum_of(n, [=](std::int64_t i) { return (y[i] - t[i]) * (y[i] - t[i]); });
}

NCLOUD_VECTORIZED void gradient_of(const float* y, const float* t, float* dy, std::int64_t n, float per_column) {
  for (std::int64_t i = 0; i < n; ++i) dy[i] = per_column * (y[i] - t[i]);
}

class MeanSquared final : public Cost {
 public:
  struct Config {
    static constexpr auto fields() { return std::tuple(); }
  };
  explicit MeanSquared(const Config&) {}

  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
               std::int64_t columns) const override {
    return value_of(y.data(), t.data(), rows * columns) / static_cast<double>(rows * columns);
  }
  void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                std::int64_t columns) const override {
    gradient_of(y.data(), t.data(), dy.data(), rows * columns, 1.0f / static_cast<float>(columns));
  }
  double reference_value(std::span<const double> y, std::span<const double> t) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += (y[i] - t[i]) * (y[i] - t[i]) / 2;
    return sum / static_cast<double>(y.size());
  }
};

const OnShelf<Cost, MeanSquared> registered("MeanSquared", "half the mean over outputs of the squared difference",
                                            R"(The value is mean (y − t)² / 2, the gradient (y − t) / outputs.)",
                                            {{"MSELoss", "write MeanSquared, which is half of it"},
                                             {"MSE", "write MeanSquared, which is half of it"},
                                             {"mean_squared_error", "write MeanSquared, which is half of it"}});

}  // namespace
}  // namespace neon
