#include "neon/costs/cost_sum.h"
#include "neon/optimizers/rule.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

struct Scalars {
  float beta_1, beta_2, epsilon, decay, per_sample, gradient_bound, norm_scale;
  float mean, root;  // what corrects m and the root of v for their start at zero
};

/// What a weight goes along, before it is scaled.
[[gnu::always_inline]] inline float direction(float p, float m, float v, const Scalars& c) {
  return c.mean * m / (c.root * __builtin_sqrtf(v) + c.epsilon) + c.decay * p;
}

NCLOUD_VECTORIZED void gather(const float* __restrict g, float* __restrict m, float* __restrict v, std::int64_t n,
                              Scalars c) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gradient = c.norm_scale * clip(g[i] * c.per_sample, c.gradient_bound);
    m[i] = c.beta_1 * m[i] + (1.0f - c.beta_1) * gradient;
    v[i] = c.beta_2 * v[i] + (1.0f - c.beta_2) * gradient * gradient;
  }
}

NCLOUD_VECTORIZED double squares_of_weights(const float* p, std::int64_t n) {
  return sum_of(n, [=](std::int64_t i) { return p[i] * p[i]; });
}

NCLOUD_VECTORIZED double squares_of_directions(const float* p, const float* m, const float* v, std::int64_t n,
                                               Scalars c) {
  return sum_of(n, [=](std::int64_t i) {
    const float u = direction(p[i], m[i], v[i], c);
    return u * u;
  });
}

NCLOUD_VECTORIZED void go(float* __restrict p, const float* __restrict m, const float* __restrict v, std::int64_t n,
                          Scalars c, float rate) {
  for (std::int64_t i = 0; i < n; ++i) p[i] -= rate * direction(p[i], m[i], v[i], c);
}

double ratio_of(double squares_of_weights, double squares_of_directions) {
  const bool both = squares_of_weights > 0 && squares_of_directions > 0;
  return both ? std::sqrt(squares_of_weights / squares_of_directions) : 1.0;
}

/// Source: You et al. 2020, "Large batch optimization for deep learning: training BERT in 76 minutes", algorithm 2 with
/// φ(x) = x.
class LAMB final : public Optimizer {
 public:
  struct Config {
    StochasticRound stochastic_round;
    double learning_rate = 0.001;
    double beta_1 = 0.9;
    double beta_2 = 0.999;
    double epsilon = 1e-6;
    double wdecay = 0.01;
    std::optional<double> gradient_clip_norm, gradient_clip_value, param_clip_value;
    std::optional<std::string> name;
    Part schedule{"Schedule"};
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("stochastic_round", &C::stochastic_round, "only false"),
          base::field("learning_rate", &C::learning_rate, "step size, before the schedule").at_least(0),
          base::field("beta_1", &C::beta_1, "share of the old mean that is kept, under 1").range(0, 1),
          base::field("beta_2", &C::beta_2, "share of the old mean of squares that is kept, under 1").range(0, 1),
          base::field("epsilon", &C::epsilon, "keeps the divisor over 0").positive(),
          base::field("wdecay", &C::wdecay, "weight decay, apart from the gradient").at_least(0),
          base::field("gradient_clip_norm", &C::gradient_clip_norm, "bound of the norm of all gradients together"),
          base::field("gradient_clip_value", &C::gradient_clip_value, "bound of each gradient"),
          base::field("param_clip_value", &C::param_clip_value, "bound of each weight"),
          base::field("name", &C::name, "a name for people; changes nothing"),
          base::field("schedule", &C::schedule, "the learning rate as a function of the epoch"));
    }
  };

  explicit LAMB(Config config)
      : config_(std::move(config)), schedule_(Shelf<LearningRateSchedule>::instance().make(config_.schedule)) {
    check_bound(config_.gradient_clip_norm, "gradient_clip_norm");
    check_under_one(config_.beta_1, "beta_1");
    check_under_one(config_.beta_2, "beta_2");
  }

  int state_count() const override { return 2; }
  std::optional<double> learning_rate(std::int64_t epoch) const override {
    return schedule_->learning_rate(config_.learning_rate, epoch);
  }
  bool takes_whole_parameter() const override { return true; }
  std::optional<double> gradient_clip_norm() const override { return config_.gradient_clip_norm; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> states,
              const StepScalars& scalars) const override {
    const Scalars c = scalars_of(scalars);
    const auto n = static_cast<std::int64_t>(weights.size());
    float* const p = weights.data();
    float* const m = states[0];
    float* const v = states[1];
    const auto [of_weights, of_directions] = sums_in_pieces(n, [&](std::int64_t begin, std::int64_t end) {
      gather(gradient.data() + begin, m + begin, v + begin, end - begin, c);
      return std::pair{squares_of_weights(p + begin, end - begin),
                       squares_of_directions(p + begin, m + begin, v + begin, end - begin, c)};
    });
    const double lr = schedule_->learning_rate(config_.learning_rate, scalars.epoch);
    const auto rate = static_cast<float>(lr * ratio_of(of_weights, of_directions));
    in_pieces(n, [&](std::int64_t begin, std::int64_t end) {
      go(p + begin, m + begin, v + begin, end - begin, c, rate);
      keep_within(config_.param_clip_value, p + begin, end - begin);
    });
  }

  void reference_update(std::span<double> weights, std::span<const double> gradient,
                        std::span<const std::span<double>> states, const StepScalars& scalars) const override {
    std::vector<double> u(weights.size());
    double of_weights = 0, of_directions = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double g = scalars.norm_scale * clip(gradient[i] / static_cast<double>(scalars.batch_size),
                                                 bound_or_none(config_.gradient_clip_value));
      double& m = states[0][i];
      double& v = states[1][i];
      m = config_.beta_1 * m + (1 - config_.beta_1) * g;
      v = config_.beta_2 * v + (1 - config_.beta_2) * g * g;
      const double mean = m / weight_gathered(config_.beta_1, scalars.step);
      const double square = v / weight_gathered(config_.beta_2, scalars.step);
      u[i] = mean / (std::sqrt(square) + config_.epsilon) + config_.wdecay * weights[i];
      of_weights += weights[i] * weights[i];
      of_directions += u[i] * u[i];
    }
    const double rate =
        schedule_->learning_rate(config_.learning_rate, scalars.epoch) * ratio_of(of_weights, of_directions);
    for (std::size_t i = 0; i < weights.size(); ++i)
      weights[i] = clip(weights[i] - rate * u[i], bound_or_none(config_.param_clip_value));
  }

 private:
  Scalars scalars_of(const StepScalars& scalars) const {
    return {static_cast<float>(config_.beta_1),
            static_cast<float>(config_.beta_2),
            static_cast<float>(config_.epsilon),
            static_cast<float>(config_.wdecay),
            1.0f / static_cast<float>(scalars.batch_size),
            static_cast<float>(bound_or_none(config_.gradient_clip_value)),
            static_cast<float>(scalars.norm_scale),
            static_cast<float>(1 / weight_gathered(config_.beta_1, scalars.step)),
            static_cast<float>(1 / std::sqrt(weight_gathered(config_.beta_2, scalars.step)))};
  }

  Config config_;
  std::shared_ptr<const LearningRateSchedule> schedule_;
};

const OnShelf<Optimizer, LAMB> registered(
    "LAMB", "AdamW whose steps are as long as each parameter deserves, for large batches",
    R"(t counts the steps from 1; the norms are those of the whole parameter, and their ratio is 1 where one of them is 0. Not in neon.

    m = β₁·m + (1 − β₁)·s·g     v = β₂·v + (1 − β₂)·(s·g)²     u = m / (1 − β₁ᵗ) / (sqrt(v / (1 − β₂ᵗ)) + ε) + wdecay·p

    p = p − lr·‖p‖/‖u‖·u

Biases start at 0 and would go by steps of their own small length: give them a rule of their own with a `MultiOptimizer`.)",
    {{"LARS", "write LAMB"}});

}  // namespace
}  // namespace neon
