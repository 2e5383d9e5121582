#include "neon/costs/cost_sum.h"
#include "neon/metric.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// Outputs equal to the target's share its place: with s places left for e equals, the row counts as a hit by s/e.
class TopKMisclassification final : public Metric {
 public:
  struct Config {
    std::int64_t k = 1;
    static constexpr auto fields() {
      return std::tuple(
          base::field("k", &Config::k, "how many of the largest outputs may hold the target").required().at_least(1));
    }
  };
  explicit TopKMisclassification(Config config) : k_(config.k) {}

  std::vector<std::string> names() const override {
    return {"LogLoss", "Top1Misclass", fmt::format("Top{}Misclass", k_)};
  }

  void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
           std::span<double> sums) const override {
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto begin = static_cast<std::size_t>(row * columns), length = static_cast<std::size_t>(columns);
      add_row(y.subspan(begin, length), t.subspan(begin, length), sums);
    }
  }

 private:
  void add_row(std::span<const float> y, std::span<const float> t, std::span<double> sums) const {
    float p = 0;  // the output of the true class
    for (std::size_t i = 0; i < y.size(); ++i)
      if (t[i] != 0) p += y[i] * t[i];
    std::int64_t larger = 0, equal = 0, unordered = 0;
    for (const float value : y) {
      larger += value > p;
      equal += value == p;
      unordered += !(value <= p) && !(value > p);
    }
    sums[0] -= safelog(p);
    if (unordered != 0) {  // a row with NaN is wrong by every measure
      sums[1] += 1;
      sums[2] += 1;
      return;
    }
    const auto equals = static_cast<double>(std::max<std::int64_t>(equal, 1));  // none when the target is not one-hot
    const auto hit = [&](std::int64_t places) {
      const std::int64_t left = places - larger;
      return left <= 0 ? 0.0 : std::min(1.0, static_cast<double>(left) / equals);
    };
    sums[1] += 1 - (equal == 0 ? 0 : hit(1));
    sums[2] += 1 - hit(k_);
  }

  std::int64_t k_;
};

const OnShelf<Metric, TopKMisclassification> registered(
    "TopKMisclassification", "share of rows whose target is not among the k largest outputs",
    R"(Figures: `LogLoss`, `Top1Misclass`, `Top<k>Misclass`. With s places left for e equal outputs an exemplar is right by s/e.)",
    {{"TopKCategoricalAccuracy", "write TopKMisclassification, its complement"},
     {"top_k_accuracy", "write TopKMisclassification, its complement"}});

}  // namespace
}  // namespace neon
