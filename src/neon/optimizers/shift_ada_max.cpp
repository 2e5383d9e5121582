#include <bit>

#include "neon/optimizers/rule.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

struct Scalars {
  float shift, beta_1, beta_2, epsilon, per_sample;  // shift is the power of two nearest l
};

/// The power of two that is nearest x by its logarithm, for normal x > 0. A mantissa from the first number over √2 on
/// (0x3fb504f4) carries into the exponent.
[[gnu::always_inline]] inline float nearest_power_of_two(float x) {
  constexpr std::int32_t kCarry = 0x00800000 - 0x003504f4;
  return std::bit_cast<float>((std::bit_cast<std::int32_t>(x) + kCarry) & 0x7f800000);
}

NCLOUD_VECTORIZED void pass(float* __restrict p, const float* __restrict g, float* __restrict m, float* __restrict v,
                            std::int64_t n, Scalars c) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gradient = g[i] * c.per_sample;
    m[i] = c.beta_1 * m[i] + (1.0f - c.beta_1) * gradient;
    const float old = c.beta_2 * v[i], now = __builtin_fabsf(gradient);
    v[i] = old > now ? old : now;
    p[i] = clip(p[i] - m[i] * nearest_power_of_two(1.0f / (v[i] + c.epsilon)) * c.shift, 1.0f);
  }
}

/// 2^rint(log2 x); 0 of 0.
double nearest_power_of_two(double x) { return std::exp2(std::rint(std::log2(x))); }

/// Source: Courbariaux et al. 2016, "Binarized neural networks", algorithm 4.
class ShiftAdaMax final : public Optimizer {
 public:
  struct Config {
    StochasticRound stochastic_round;
    double learning_rate = 0.002;
    double beta_1 = 0.9;
    double beta_2 = 0.999;
    double epsilon = 1e-8;
    Part schedule{"Schedule"};
    std::optional<std::string> name;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(base::field("stochastic_round", &C::stochastic_round, "only false"),
                        base::field("learning_rate", &C::learning_rate, "step size, before the schedule").at_least(0),
                        base::field("beta_1", &C::beta_1, "share of the old mean that is kept, under 1").range(0, 1),
                        base::field("beta_2", &C::beta_2, "how fast the largest gradient is forgotten").range(0, 1),
                        base::field("epsilon", &C::epsilon, "keeps the divisor over 0").positive(),
                        base::field("schedule", &C::schedule, "the learning rate as a function of the epoch"),
                        base::field("name", &C::name, "a name for people; changes nothing"));
    }
  };

  explicit ShiftAdaMax(Config config)
      : config_(std::move(config)), schedule_(Shelf<LearningRateSchedule>::instance().make(config_.schedule)) {
    check_under_one(config_.beta_1, "beta_1");
  }

  int state_count() const override { return 2; }
  std::optional<double> learning_rate(std::int64_t epoch) const override {
    return schedule_->learning_rate(config_.learning_rate, epoch);
  }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> states,
              const StepScalars& scalars) const override {
    const Scalars c{static_cast<float>(nearest_power_of_two(rate_in(scalars.epoch))),
                    static_cast<float>(config_.beta_1), static_cast<float>(config_.beta_2),
                    static_cast<float>(config_.epsilon), 1.0f / static_cast<float>(scalars.batch_size)};
    in_pieces(static_cast<std::int64_t>(weights.size()), [&](std::int64_t begin, std::int64_t end) {
      pass(weights.data() + begin, gradient.data() + begin, states[0] + begin, states[1] + begin, end - begin, c);
    });
  }

  void reference_update(std::span<double> weights, std::span<const double> gradient,
                        std::span<const std::span<double>> states, const StepScalars& scalars) const override {
    const double shift = nearest_power_of_two(rate_in(scalars.epoch));
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double g = gradient[i] / static_cast<double>(scalars.batch_size);
      double& m = states[0][i];
      double& v = states[1][i];
      m = config_.beta_1 * m + (1 - config_.beta_1) * g;
      v = std::max(config_.beta_2 * v, std::abs(g));
      weights[i] = clip(weights[i] - m * nearest_power_of_two(1 / (v + config_.epsilon)) * shift, 1.0);
    }
  }

 private:
  /// The step size with the correction for the mean's start at zero, by the epoch as in neon.
  double rate_in(std::int64_t epoch) const {
    const double lr = schedule_->learning_rate(config_.learning_rate, epoch);
    return lr / (1 - std::pow(config_.beta_1, static_cast<double>(epoch + 1)));
  }

  Config config_;
  std::shared_ptr<const LearningRateSchedule> schedule_;
};

const OnShelf<Optimizer, ShiftAdaMax> registered(
    "ShiftAdaMax", "steps from powers of two, for networks of binary weights",
    R"(shift(x) is the power of two nearest x: 2^rint(log2 x). e counts the epochs from 0. Every weight stays within ±1.

    l = lr / (1 − β₁ᵉ⁺¹)     m = β₁·m + (1 − β₁)·g     v = max(β₂·v, |g|)     p = clip(p − m·shift(1 / (v + ε))·shift(l), ±1))",
    {{"Adamax", "write AdamW, or ShiftAdaMax for networks of binary weights"}});

}  // namespace
}  // namespace neon
