#include "neon/costs/cost_sum.h"
#include "neon/metric.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class LogLoss final : public Metric {
 public:
  struct Config {
    static constexpr auto fields() { return std::tuple(); }
  };
  explicit LogLoss(const Config&) {}

  std::vector<std::string> names() const override { return {"LogLoss"}; }
  void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
           std::span<double> sums) const override {
    for (std::int64_t row = 0; row < rows; ++row) {
      double p = 0;
      for (auto i = static_cast<std::size_t>(row * columns); i < static_cast<std::size_t>((row + 1) * columns); ++i)
        if (t[i] != 0) p += static_cast<double>(y[i]) * t[i];
      sums[0] -= safelog(p);
    }
  }
};

const OnShelf<Metric, LogLoss> registered("LogLoss", "how unlikely the network takes the target to be",
                                          R"(Figure: `LogLoss`, the mean of −safelog(Σ y·t).)",
                                          {{"CategoricalCrossentropy", ""}, {"log_loss", ""}});

}  // namespace
}  // namespace neon
