#include "neon/metric.h"
#include "neon/metrics/largest.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class Accuracy final : public Metric {
 public:
  struct Config {
    static constexpr auto fields() { return std::tuple(); }
  };
  explicit Accuracy(const Config&) {}

  std::vector<std::string> names() const override { return {"Accuracy"}; }
  void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
           std::span<double> sums) const override {
    sums[0] += static_cast<double>(rows_that_agree(y, t, rows, columns));
  }
};

const OnShelf<Metric, Accuracy> registered("Accuracy", "share of rows whose largest output is the target's",
                                           R"(Figure: `Accuracy`.)",
                                           {{"categorical_accuracy", ""}, {"MulticlassAccuracy", ""}});

}  // namespace
}  // namespace neon
