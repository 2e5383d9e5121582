#include "neon/optimizers/rule.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

struct Scalars {
  float rate, keep, epsilon, per_sample, gradient_bound;  // rate holds s·lr
};

NCLOUD_VECTORIZED void pass(float* __restrict p, const float* __restrict g, float* __restrict a, std::int64_t n,
                            Scalars c) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gradient = clip(g[i] * c.per_sample, c.gradient_bound);
    a[i] = c.keep * a[i] + (1.0f - c.keep) * gradient * gradient;
    p[i] -= c.rate * gradient / (__builtin_sqrtf(a[i] + c.epsilon) + c.epsilon);
  }
}

/// Source: Tieleman and Hinton 2012, lecture 6.5 of "Neural networks for machine learning"; epsilon twice as in neon.
class RMSProp final : public Optimizer {
 public:
  struct Config {
    StochasticRound stochastic_round;
    double decay_rate = 0.95;
    double learning_rate = 2e-3;
    double epsilon = 1e-6;
    std::optional<double> gradient_clip_norm, gradient_clip_value, param_clip_value;
    std::optional<std::string> name;
    Part schedule{"Schedule"};
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("stochastic_round", &C::stochastic_round, "only false"),
          base::field("decay_rate", &C::decay_rate, "share of the old mean of squares that is kept").range(0, 1),
          base::field("learning_rate", &C::learning_rate, "step size, before the schedule").at_least(0),
          base::field("epsilon", &C::epsilon, "keeps the divisor over 0").positive(),
          base::field("gradient_clip_norm", &C::gradient_clip_norm, "bound of the norm of all gradients together"),
          base::field("gradient_clip_value", &C::gradient_clip_value, "bound of each gradient"),
          base::field("param_clip_value", &C::param_clip_value, "bound of each weight"),
          base::field("name", &C::name, "a name for people; changes nothing"),
          base::field("schedule", &C::schedule, "the learning rate as a function of the epoch"));
    }
  };

  explicit RMSProp(Config config)
      : config_(std::move(config)), schedule_(Shelf<LearningRateSchedule>::instance().make(config_.schedule)) {
    check_bound(config_.gradient_clip_norm, "gradient_clip_norm");
  }

  int state_count() const override { return 1; }
  std::optional<double> learning_rate(std::int64_t epoch) const override {
    return schedule_->learning_rate(config_.learning_rate, epoch);
  }
  std::optional<double> gradient_clip_norm() const override { return config_.gradient_clip_norm; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> states,
              const StepScalars& scalars) const override {
    const double lr = schedule_->learning_rate(config_.learning_rate, scalars.epoch);
    const Scalars c{static_cast<float>(scalars.norm_scale * lr), static_cast<float>(config_.decay_rate),
                    static_cast<float>(config_.epsilon), 1.0f / static_cast<float>(scalars.batch_size),
                    static_cast<float>(bound_or_none(config_.gradient_clip_value))};
    in_pieces(static_cast<std::int64_t>(weights.size()), [&](std::int64_t begin, std::int64_t end) {
      pass(weights.data() + begin, gradient.data() + begin, states[0] + begin, end - begin, c);
      keep_within(config_.param_clip_value, weights.data() + begin, end - begin);
    });
  }

  void reference_update(std::span<double> weights, std::span<const double> gradient,
                        std::span<const std::span<double>> states, const StepScalars& scalars) const override {
    const double lr = schedule_->learning_rate(config_.learning_rate, scalars.epoch);
    const double d = config_.decay_rate, eps = config_.epsilon, s = scalars.norm_scale;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double g =
          clip(gradient[i] / static_cast<double>(scalars.batch_size), bound_or_none(config_.gradient_clip_value));
      double& a = states[0][i];
      a = d * a + (1 - d) * g * g;
      weights[i] = clip(weights[i] - s * g * lr / (std::sqrt(a + eps) + eps), bound_or_none(config_.param_clip_value));
    }
  }

 private:
  Config config_;
  std::shared_ptr<const LearningRateSchedule> schedule_;
};

const OnShelf<Optimizer, RMSProp> registered("RMSProp", "steps divided by a running root mean square of the gradient",
                                             R"(With d = `decay_rate` and ε = `epsilon`:

    a = d·a + (1 − d)·g²       p = p − s·g·lr / (sqrt(a + ε) + ε))");

}  // namespace
}  // namespace neon
