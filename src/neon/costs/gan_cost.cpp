#include "neon/cost.h"
#include "neon/costs/cost_sum.h"
#include "neon/shelf.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

enum class CostType { dis, dis_data, dis_noise, gen };
constexpr auto enumerators(CostType) {
  return std::array{std::pair{CostType::dis, "dis"}, std::pair{CostType::dis_data, "dis_data"},
                    std::pair{CostType::dis_noise, "dis_noise"}, std::pair{CostType::gen, "gen"}};
}

enum class Func { original, modified, wasserstein };
constexpr auto enumerators(Func) {
  return std::array{std::pair{Func::original, "original"}, std::pair{Func::modified, "modified"},
                    std::pair{Func::wasserstein, "wasserstein"}};
}

/// Every term is a·safelog(y) + b·safelog(1 − y) + c·y.
struct Term {
  float log_y = 0, log_rest = 0, y = 0;

  [[gnu::always_inline]] float value(float at) const {
    return log_y * safelog_quick(at) + log_rest * safelog_quick(1.0f - at) + y * at;
  }
  [[gnu::always_inline]] float slope(float at) const {
    return log_y * safelog_slope(at) - log_rest * safelog_slope(1.0f - at) + y;
  }
  /// Of y = Logistic(x), to x.
  [[gnu::always_inline]] float slope_before_logistic(float at) const { return log_y * (1.0f - at) - log_rest * at; }

  double reference(double at) const {
    double sum = y * at;
    if (log_y != 0) sum += log_y * safelog(at);
    if (log_rest != 0) sum += log_rest * safelog(1 - at);
    return sum;
  }
};

constexpr Term term_of(Func func, CostType type) {
  const bool wasserstein = func == Func::wasserstein;
  switch (type) {
    case CostType::dis_data: return wasserstein ? Term{.y = 1} : Term{.log_y = -1};
    case CostType::dis_noise: return wasserstein ? Term{.y = -1} : Term{.log_rest = -1};
    case CostType::gen:
      return wasserstein ? Term{.y = 1} : func == Func::original ? Term{.log_rest = 1} : Term{.log_y = -1};
    case CostType::dis: break;
  }
  return {};
}

/// t of `data` and 1 − t of `noise`, number by number.
struct Mixture {
  Term data, noise;
};

NCLOUD_VECTORIZED double value_of(const Mixture& m, const float* y, const float* t, std::int64_t n) {
  return sum_of(n, [=](std::int64_t i) { return t[i] * m.data.value(y[i]) + (1.0f - t[i]) * m.noise.value(y[i]); });
}
NCLOUD_VECTORIZED double value_of(const Term& term, const float* y, std::int64_t n) {
  return sum_of(n, [=](std::int64_t i) { return term.value(y[i]); });
}

NCLOUD_VECTORIZED void slope_of(const Mixture& m, const float* y, const float* t, float* dy, std::int64_t n,
                                float scale) {
  for (std::int64_t i = 0; i < n; ++i)
    dy[i] = scale * (t[i] * m.data.slope(y[i]) + (1.0f - t[i]) * m.noise.slope(y[i]));
}
NCLOUD_VECTORIZED void slope_before_logistic(const Mixture& m, const float* y, const float* t, float* dy,
                                             std::int64_t n, float scale) {
  for (std::int64_t i = 0; i < n; ++i)
    dy[i] = scale * (t[i] * m.data.slope_before_logistic(y[i]) + (1.0f - t[i]) * m.noise.slope_before_logistic(y[i]));
}
NCLOUD_VECTORIZED void slope_of(const Term& term, const float* y, float* dy, std::int64_t n, float scale) {
  for (std::int64_t i = 0; i < n; ++i) dy[i] = scale * term.slope(y[i]);
}
NCLOUD_VECTORIZED void slope_before_logistic(const Term& term, const float* y, float* dy, std::int64_t n, float scale) {
  for (std::int64_t i = 0; i < n; ++i) dy[i] = scale * term.slope_before_logistic(y[i]);
}

class GanCost final : public Cost {
 public:
  struct Config {
    double scale = 1;
    CostType cost_type = CostType::dis;
    Func func = Func::modified;
    static constexpr auto fields() {
      return std::tuple(base::field("scale", &Config::scale, "factor of the gradient; the value is not scaled"),
                        base::field("cost_type", &Config::cost_type,
                                    "whose cost: the discriminator's, of its two terms one alone, or the generator's"),
                        base::field("func", &Config::func, "which formula"));
    }
  };
  explicit GanCost(const Config& config)
      : config_(config),
        term_(term_of(config.func, config.cost_type)),
        mixture_{term_of(config.func, CostType::dis_data), term_of(config.func, CostType::dis_noise)} {}

  bool reads_target() const override { return config_.cost_type == CostType::dis; }

  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
               std::int64_t columns) const override {
    const std::int64_t n = rows * columns;
    return (reads_target() ? value_of(mixture_, y.data(), t.data(), n) : value_of(term_, y.data(), n)) /
           static_cast<double>(n);
  }
  void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                std::int64_t columns) const override {
    if (config_.func == Func::wasserstein) return true_gradient(y, t, dy, rows, columns);
    const auto scale = static_cast<float>(config_.scale / static_cast<double>(columns));
    if (reads_target())
      slope_before_logistic(mixture_, y.data(), t.data(), dy.data(), rows * columns, scale);
    else
      slope_before_logistic(term_, y.data(), dy.data(), rows * columns, scale);
  }
  void true_gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                     std::int64_t columns) const override {
    const auto scale = static_cast<float>(config_.scale / static_cast<double>(columns));
    if (reads_target())
      slope_of(mixture_, y.data(), t.data(), dy.data(), rows * columns, scale);
    else
      slope_of(term_, y.data(), dy.data(), rows * columns, scale);
  }
  double gradient_scale() const override { return config_.scale; }
  double reference_value(std::span<const double> y, std::span<const double> t) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
      sum += reads_target() ? t[i] * mixture_.data.reference(y[i]) + (1 - t[i]) * mixture_.noise.reference(y[i])
                            : term_.reference(y[i]);
    return sum / static_cast<double>(y.size());
  }
  std::string_view shortcut_activation() const override {
    return config_.func == Func::wasserstein ? std::string_view() : "Logistic";
  }

 private:
  Config config_;
  Term term_;
  Mixture mixture_;
};

const OnShelf<Cost, GanCost> registered(
    "GANCost", "of two networks that train against each other",
    R"(For a `GenerativeAdversarial`, where the default `cost_type` stands for all three terms, mean over rows and outputs, of what the discriminator
says:

| func | of data | of noise | the generator's |
|---|---|---|---|
| original (Goodfellow et al. 2014) | −safelog y | −safelog(1 − y) | safelog(1 − y) |
| modified (likewise, for stronger slopes) | −safelog y | −safelog(1 − y) | −safelog y |
| wasserstein (Arjovsky et al. 2017) | y | −y | y |

The discriminator's cost is the sum of its two. For original and modified its last activation is a `Logistic`; for wasserstein it has none.
By itself, with numbers as targets, `dis` is the cost of telling the two apart: where the target is 1 of data, where it is 0 of noise.

neon reports for the generator the value of the other formula (modified: safelog(1 − y)); its gradients are those here.)");

}  // namespace
}  // namespace neon
