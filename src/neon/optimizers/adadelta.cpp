#include "neon/optimizers/rule.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

struct Scalars {
  float keep, epsilon, per_sample;
};

NCLOUD_VECTORIZED void pass(float* __restrict p, const float* __restrict g, float* __restrict e, float* __restrict x,
                            std::int64_t n, Scalars c) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gradient = g[i] * c.per_sample;
    e[i] = c.keep * e[i] + (1.0f - c.keep) * gradient * gradient;
    const float step = __builtin_sqrtf((x[i] + c.epsilon) / (e[i] + c.epsilon)) * gradient;
    x[i] = c.keep * x[i] + (1.0f - c.keep) * step * step;
    p[i] -= step;
  }
}

/// Source: Zeiler 2012, "ADADELTA: an adaptive learning rate method", algorithm 1.
class Adadelta final : public Optimizer {
 public:
  struct Config {
    StochasticRound stochastic_round;
    double decay = 0.95;
    double epsilon = 1e-6;
    std::optional<double> param_clip_value;
    std::optional<std::string> name;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(base::field("stochastic_round", &C::stochastic_round, "only false"),
                        base::field("decay", &C::decay, "share of the old means of squares that is kept").range(0, 1),
                        base::field("epsilon", &C::epsilon, "keeps both roots over 0").positive(),
                        base::field("param_clip_value", &C::param_clip_value, "bound of each weight"),
                        base::field("name", &C::name, "a name for people; changes nothing"));
    }
  };

  explicit Adadelta(Config config) : config_(std::move(config)) {}

  int state_count() const override { return 2; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> states,
              const StepScalars& scalars) const override {
    const Scalars c{static_cast<float>(config_.decay), static_cast<float>(config_.epsilon),
                    1.0f / static_cast<float>(scalars.batch_size)};
    in_pieces(static_cast<std::int64_t>(weights.size()), [&](std::int64_t begin, std::int64_t end) {
      pass(weights.data() + begin, gradient.data() + begin, states[0] + begin, states[1] + begin, end - begin, c);
      keep_within(config_.param_clip_value, weights.data() + begin, end - begin);
    });
  }

  void reference_update(std::span<double> weights, std::span<const double> gradient,
                        std::span<const std::span<double>> states, const StepScalars& scalars) const override {
    const double d = config_.decay, eps = config_.epsilon;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double g = gradient[i] / static_cast<double>(scalars.batch_size);
      double& e = states[0][i];
      double& x = states[1][i];
      e = d * e + (1 - d) * g * g;
      const double step = std::sqrt((x + eps) / (e + eps)) * g;
      x = d * x + (1 - d) * step * step;
      weights[i] = clip(weights[i] - step, bound_or_none(config_.param_clip_value));
    }
  }

 private:
  Config config_;
};

const OnShelf<Optimizer, Adadelta> registered(
    "Adadelta", "steps as large as the last ones were, without a learning rate",
    R"(With d = `decay` and ε = `epsilon`; E and X are running means of squares, of the gradient and of the step:

    E = d·E + (1 − d)·g²       Δ = g·sqrt((X + ε) / (E + ε))       X = d·X + (1 − d)·Δ²       p = p − Δ)");

}  // namespace
}  // namespace neon
