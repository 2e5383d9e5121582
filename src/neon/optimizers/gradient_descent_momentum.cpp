#include "neon/optimizers/rule.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

struct Scalars {
  float rate, momentum, decay, per_sample, gradient_bound, norm_scale;
};

// p = -lr·s·g + (1 - lr·wdecay)·p. As in neon, param_clip_value has no effect here.
NCLOUD_VECTORIZED void plain(float* __restrict p, const float* __restrict g, std::int64_t n, Scalars c) {
  const float step = c.rate * c.norm_scale, keep = 1.0f - c.rate * c.decay;
  for (std::int64_t i = 0; i < n; ++i) p[i] = keep * p[i] - step * clip(g[i] * c.per_sample, c.gradient_bound);
}

NCLOUD_VECTORIZED void with_momentum(float* __restrict p, const float* __restrict g, float* __restrict v,
                                     std::int64_t n, Scalars c) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gradient = c.norm_scale * clip(g[i] * c.per_sample, c.gradient_bound) + c.decay * p[i];
    v[i] = c.momentum * v[i] - c.rate * gradient;
    p[i] += v[i];
  }
}

NCLOUD_VECTORIZED void with_nesterov(float* __restrict p, const float* __restrict g, float* __restrict v,
                                     std::int64_t n, Scalars c) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gradient = c.norm_scale * clip(g[i] * c.per_sample, c.gradient_bound) + c.decay * p[i];
    v[i] = c.momentum * v[i] - c.rate * gradient;
    p[i] = p[i] + c.momentum * v[i] - c.rate * gradient;
  }
}

class GradientDescentMomentum final : public Optimizer {
 public:
  struct Config {
    double learning_rate = 0;
    double momentum_coef = 0;
    StochasticRound stochastic_round;
    double wdecay = 0.0;
    std::optional<double> gradient_clip_norm, gradient_clip_value, param_clip_value;
    std::optional<std::string> name;
    Part schedule{"Schedule"};
    bool nesterov = false;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("learning_rate", &C::learning_rate, "step size, before the schedule").required().at_least(0),
          base::field("momentum_coef", &C::momentum_coef, "share of the last step that is kept").required().range(0, 1),
          base::field("stochastic_round", &C::stochastic_round, "only false"),
          base::field("wdecay", &C::wdecay, "weight decay").at_least(0),
          base::field("gradient_clip_norm", &C::gradient_clip_norm, "bound of the norm of all gradients together"),
          base::field("gradient_clip_value", &C::gradient_clip_value, "bound of each gradient"),
          base::field("param_clip_value", &C::param_clip_value, "bound of each weight; no effect without momentum"),
          base::field("name", &C::name, "a name for people; changes nothing"),
          base::field("schedule", &C::schedule, "the learning rate as a function of the epoch"),
          base::field("nesterov", &C::nesterov, "Nesterov's momentum; needs momentum_coef"));
    }
  };

  explicit GradientDescentMomentum(Config config)
      : config_(std::move(config)), schedule_(Shelf<LearningRateSchedule>::instance().make(config_.schedule)) {
    check_bound(config_.gradient_clip_norm, "gradient_clip_norm");
    if (config_.nesterov && config_.momentum_coef == 0)
      throw base::Error(base::Code::invalid_argument, "nesterov needs a momentum_coef over 0, got 0");
  }

  int state_count() const override { return config_.momentum_coef == 0 ? 0 : 1; }
  std::optional<double> learning_rate(std::int64_t epoch) const override {
    return schedule_->learning_rate(config_.learning_rate, epoch);
  }
  std::optional<double> gradient_clip_norm() const override { return config_.gradient_clip_norm; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> states,
              const StepScalars& scalars) const override {
    const Scalars c{static_cast<float>(schedule_->learning_rate(config_.learning_rate, scalars.epoch)),
                    static_cast<float>(config_.momentum_coef),
                    static_cast<float>(config_.wdecay),
                    1.0f / static_cast<float>(scalars.batch_size),
                    static_cast<float>(bound_or_none(config_.gradient_clip_value)),
                    static_cast<float>(scalars.norm_scale)};
    in_pieces(static_cast<std::int64_t>(weights.size()), [&](std::int64_t begin, std::int64_t end) {
      float* p = weights.data() + begin;
      const float* g = gradient.data() + begin;
      if (config_.momentum_coef == 0) return plain(p, g, end - begin, c);
      if (config_.nesterov)
        with_nesterov(p, g, states[0] + begin, end - begin, c);
      else
        with_momentum(p, g, states[0] + begin, end - begin, c);
      keep_within(config_.param_clip_value, p, end - begin);
    });
  }

  void reference_update(std::span<double> weights, std::span<const double> gradient,
                        std::span<const std::span<double>> states, const StepScalars& scalars) const override {
    const double lr = schedule_->learning_rate(config_.learning_rate, scalars.epoch);
    const double m = config_.momentum_coef, decay = config_.wdecay, s = scalars.norm_scale;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      double& p = weights[i];
      double g =
          clip(gradient[i] / static_cast<double>(scalars.batch_size), bound_or_none(config_.gradient_clip_value));
      if (m == 0) {
        p = -lr * s * g + (1 - lr * decay) * p;
        continue;
      }
      g = s * g + decay * p;
      double& v = states[0][i];
      v = m * v - lr * g;
      p = clip(config_.nesterov ? p + m * v - lr * g : p + v, bound_or_none(config_.param_clip_value));
    }
  }

 private:
  Config config_;
  std::shared_ptr<const LearningRateSchedule> schedule_;
};

const OnShelf<Optimizer, GradientDescentMomentum> registered(
    "GradientDescentMomentum", "stochastic gradient descent, with momentum or without",
    R"(With momentum m = `momentum_coef`:

    g' = s·g + wdecay·p        v = m·v − lr·g'        p = p + v        (nesterov: p = p + m·v − lr·g')

Without momentum `p = −lr·s·g + (1 − lr·wdecay)·p`, where `param_clip_value` has no effect, as in neon. `nesterov` needs
momentum.)",
    {{"SGD", "write GradientDescentMomentum with momentum_coef: 0, or 0.9 for momentum"},
     {"Momentum", ""},
     {"Nesterov", "write GradientDescentMomentum with nesterov: true"}});

}  // namespace
}  // namespace neon
