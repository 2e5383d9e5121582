#include "neon/metric.h"
#include "neon/metrics/largest.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class Misclassification final : public Metric {
 public:
  struct Config {
    std::int64_t steps = 1;
    static constexpr auto fields() {
      return std::tuple(
          base::field("steps", &Config::steps, "neon's length of sequences; changes nothing").at_least(1));
    }
  };
  explicit Misclassification(const Config&) {}

  std::vector<std::string> names() const override { return {"Top1Misclass"}; }
  void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
           std::span<double> sums) const override {
    sums[0] += static_cast<double>(rows - rows_that_agree(y, t, rows, columns));
  }
};

const OnShelf<Metric, Misclassification> registered("Misclassification",
                                                    "share of rows whose largest output is not the target's",
                                                    R"(Figure: `Top1Misclass`. The first of equal outputs counts.)");

}  // namespace
}  // namespace neon
