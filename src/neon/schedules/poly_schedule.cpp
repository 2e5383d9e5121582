#include <algorithm>
#include <cmath>

#include "neon/schedule.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class PolySchedule final : public LearningRateSchedule {
 public:
  struct Config {
    std::int64_t total_epochs = 1;
    double power = 1;
    static constexpr auto fields() {
      return std::tuple(
          base::field("total_epochs", &Config::total_epochs, "epochs after which the rate is 0").required().at_least(1),
          base::field("power", &Config::power, "1 for a straight line").required().positive());
    }
  };

  explicit PolySchedule(Config config) : config_(config) {}

  double learning_rate(double base_rate, std::int64_t epoch) const override {
    const double done = static_cast<double>(epoch) / static_cast<double>(config_.total_epochs);
    return base_rate * std::pow(std::max(0.0, 1 - done), config_.power);
  }

 private:
  Config config_;
};

const OnShelf<LearningRateSchedule, PolySchedule> registered(
    "PolySchedule", "falls to 0 as a power of the epochs that are left",
    R"(The rate is base rate · (1 − epoch / `total_epochs`)^`power`, and 0 from `total_epochs` on. This is what neon documents; its
code divides whole numbers, so that the rate never changes there.)",
    {{"PolynomialLR", ""}, {"PolynomialDecay", ""}});

}  // namespace
}  // namespace neon
