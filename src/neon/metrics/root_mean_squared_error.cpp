#include <cmath>

#include "neon/metric.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class RootMeanSquaredError final : public Metric {
 public:
  struct Config {
    static constexpr auto fields() { return std::tuple(); }
  };
  explicit RootMeanSquaredError(const Config&) {}

  std::vector<std::string> names() const override { return {"RootMeanSquaredError"}; }
  void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
           std::span<double> sums) const override {
    double sum = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows * columns); ++i) {
      const double x = static_cast<double>(y[i]) - t[i];
      sum += x * x;
    }
    sums[0] += sum / static_cast<double>(columns);
  }
  void finish(std::span<const double> sums, std::int64_t rows, std::span<double> figures) const override {
    figures[0] = std::sqrt(sums[0] / static_cast<double>(rows));
  }
};

const OnShelf<Metric, RootMeanSquaredError> registered(
    "RootMeanSquaredError", "root of the mean squared distance of outputs from targets",
    R"(Figure: `RootMeanSquaredError`, the root of the mean of (y − t)² over all exemplars and outputs. Not in neon.)",
    {{"RMSE", ""},
     {"MeanSquaredError", "write RootMeanSquaredError, which is its root"},
     {"MSE", "write RootMeanSquaredError, which is its root"}});

}  // namespace
}  // namespace neon
