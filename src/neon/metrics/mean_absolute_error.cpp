#include <cmath>

#include "neon/metric.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class MeanAbsoluteError final : public Metric {
 public:
  struct Config {
    static constexpr auto fields() { return std::tuple(); }
  };
  explicit MeanAbsoluteError(const Config&) {}

  std::vector<std::string> names() const override { return {"MeanAbsoluteError"}; }
  void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
           std::span<double> sums) const override {
    double sum = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows * columns); ++i)
      sum += std::abs(static_cast<double>(y[i]) - t[i]);
    sums[0] += sum / static_cast<double>(columns);
  }
};

const OnShelf<Metric, MeanAbsoluteError> registered(
    "MeanAbsoluteError", "mean distance of outputs from targets",
    R"(Figure: `MeanAbsoluteError`, the mean of |y − t| over exemplars and outputs. Not in neon.)",
    {{"MAE", ""}, {"mean_absolute_error", ""}});

}  // namespace
}  // namespace neon
