#include "neon/optimizers/rule.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

struct Scalars {
  float rate, beta_1, beta_2, epsilon, per_sample, gradient_bound;  // rate holds s·l
};

NCLOUD_VECTORIZED void pass(float* __restrict p, const float* __restrict g, float* __restrict m, float* __restrict v,
                            std::int64_t n, Scalars c) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gradient = clip(g[i] * c.per_sample, c.gradient_bound);
    m[i] = c.beta_1 * m[i] + (1.0f - c.beta_1) * gradient;
    v[i] = c.beta_2 * v[i] + (1.0f - c.beta_2) * gradient * gradient;
    p[i] -= c.rate * m[i] / (__builtin_sqrtf(v[i]) + c.epsilon);
  }
}

/// Source: Kingma and Ba 2014, "Adam", algorithm 1 in the form of the end of section 2.
class Adam final : public Optimizer {
 public:
  struct Config {
    StochasticRound stochastic_round;
    double learning_rate = 0.001;
    double beta_1 = 0.9;
    double beta_2 = 0.999;
    double epsilon = 1e-8;
    std::optional<double> gradient_clip_norm, gradient_clip_value, param_clip_value;
    std::optional<std::string> name;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("stochastic_round", &C::stochastic_round, "only false"),
          base::field("learning_rate", &C::learning_rate, "step size").at_least(0),
          base::field("beta_1", &C::beta_1, "share of the old mean that is kept, under 1").range(0, 1),
          base::field("beta_2", &C::beta_2, "share of the old mean of squares that is kept, under 1").range(0, 1),
          base::field("epsilon", &C::epsilon, "keeps the divisor over 0").positive(),
          base::field("gradient_clip_norm", &C::gradient_clip_norm, "bound of the norm of all gradients together"),
          base::field("gradient_clip_value", &C::gradient_clip_value, "bound of each gradient"),
          base::field("param_clip_value", &C::param_clip_value, "bound of each weight"),
          base::field("name", &C::name, "a name for people; changes nothing"));
    }
  };

  explicit Adam(Config config) : config_(std::move(config)) {
    check_bound(config_.gradient_clip_norm, "gradient_clip_norm");
    check_under_one(config_.beta_1, "beta_1");
    check_under_one(config_.beta_2, "beta_2");
  }

  int state_count() const override { return 2; }
  std::optional<double> learning_rate(std::int64_t) const override { return config_.learning_rate; }
  std::optional<double> gradient_clip_norm() const override { return config_.gradient_clip_norm; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> states,
              const StepScalars& scalars) const override {
    const Scalars c{static_cast<float>(scalars.norm_scale * rate_of(scalars.step)),
                    static_cast<float>(config_.beta_1),
                    static_cast<float>(config_.beta_2),
                    static_cast<float>(config_.epsilon),
                    1.0f / static_cast<float>(scalars.batch_size),
                    static_cast<float>(bound_or_none(config_.gradient_clip_value))};
    in_pieces(static_cast<std::int64_t>(weights.size()), [&](std::int64_t begin, std::int64_t end) {
      pass(weights.data() + begin, gradient.data() + begin, states[0] + begin, states[1] + begin, end - begin, c);
      keep_within(config_.param_clip_value, weights.data() + begin, end - begin);
    });
  }

  void reference_update(std::span<double> weights, std::span<const double> gradient,
                        std::span<const std::span<double>> states, const StepScalars& scalars) const override {
    const double l = rate_of(scalars.step), s = scalars.norm_scale;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double g =
          clip(gradient[i] / static_cast<double>(scalars.batch_size), bound_or_none(config_.gradient_clip_value));
      double& m = states[0][i];
      double& v = states[1][i];
      m = config_.beta_1 * m + (1 - config_.beta_1) * g;
      v = config_.beta_2 * v + (1 - config_.beta_2) * g * g;
      weights[i] =
          clip(weights[i] - s * l * m / (std::sqrt(v) + config_.epsilon), bound_or_none(config_.param_clip_value));
    }
  }

 private:
  /// The step size with both corrections for the means' start at zero.
  double rate_of(std::int64_t step) const {
    return config_.learning_rate * std::sqrt(weight_gathered(config_.beta_2, step)) /
           weight_gathered(config_.beta_1, step);
  }

  Config config_;
};

const OnShelf<Optimizer, Adam> registered(
    "Adam", "steps from running means of the gradient and of its square",
    R"(t counts the steps from 1; there is no schedule. [AdamW](#adamw) with `wdecay: 0` has one.

    l = lr·sqrt(1 − β₂ᵗ) / (1 − β₁ᵗ)     m = β₁·m + (1 − β₁)·g     v = β₂·v + (1 − β₂)·g²     p = p − s·l·m / (sqrt(v) + ε))",
    {{"NAdam", "write Adam"}, {"AMSGrad", "write Adam"}});

}  // namespace
}  // namespace neon
