#include "neon/optimizers/decayed_adam.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

struct Scalars {
  float rate, keep, root, beta_1, beta_2, epsilon, per_sample, gradient_bound, norm_scale;
};

NCLOUD_VECTORIZED void pass(float* __restrict p, const float* __restrict g, float* __restrict m, float* __restrict v,
                            std::int64_t n, Scalars c) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gradient = c.norm_scale * clip(g[i] * c.per_sample, c.gradient_bound);
    m[i] = c.beta_1 * m[i] + (1.0f - c.beta_1) * gradient;
    v[i] = c.beta_2 * v[i] + (1.0f - c.beta_2) * gradient * gradient;
    p[i] = c.keep * p[i] - c.rate * m[i] / (c.root * __builtin_sqrtf(v[i]) + c.epsilon);
  }
}

/// Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2; the decay is multiplied
/// with the learning rate, as all frameworks do.
class AdamW final : public DecayedAdam {
 public:
  using DecayedAdam::DecayedAdam;

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> states,
              const StepScalars& scalars) const override {
    const double lr = rate_of(scalars.epoch);
    const Scalars c{static_cast<float>(lr / weight_gathered(config().beta_1, scalars.step)),
                    static_cast<float>(1 - lr * config().wdecay),
                    static_cast<float>(1 / std::sqrt(weight_gathered(config().beta_2, scalars.step))),
                    static_cast<float>(config().beta_1),
                    static_cast<float>(config().beta_2),
                    static_cast<float>(config().epsilon),
                    1.0f / static_cast<float>(scalars.batch_size),
                    static_cast<float>(bound_or_none(config().gradient_clip_value)),
                    static_cast<float>(scalars.norm_scale)};
    in_pieces(static_cast<std::int64_t>(weights.size()), [&](std::int64_t begin, std::int64_t end) {
      pass(weights.data() + begin, gradient.data() + begin, states[0] + begin, states[1] + begin, end - begin, c);
      keep_within(config().param_clip_value, weights.data() + begin, end - begin);
    });
  }

  void reference_update(std::span<double> weights, std::span<const double> gradient,
                        std::span<const std::span<double>> states, const StepScalars& scalars) const override {
    const double lr = rate_of(scalars.epoch);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double u = reference_direction(gradient[i], states[0][i], states[1][i], scalars);
      weights[i] =
          clip(weights[i] - lr * config().wdecay * weights[i] - lr * u, bound_or_none(config().param_clip_value));
    }
  }
};

const OnShelf<Optimizer, AdamW> registered("AdamW",
                                           "Adam with a schedule, and with weight decay that the means do not see",
                                           R"(t counts the steps from 1. Not in neon.

    m = β₁·m + (1 − β₁)·s·g     v = β₂·v + (1 − β₂)·(s·g)²     p = (1 − lr·wdecay)·p − lr·m / (1 − β₁ᵗ) / (sqrt(v / (1 − β₂ᵗ)) + ε)

Other than with [Adam](#adam), ε joins the corrected root, and s scales the gradient before the means and not the step. Biases and
the parameters of BatchNorm decay as well; a `MultiOptimizer` gives them a rule of their own.)",
                                           {{"RAdam", "write AdamW, with a Warmup as its schedule"}});

}  // namespace
}  // namespace neon
