#include "neon/costs/cost_sum.h"
#include "neon/optimizers/decayed_adam.h"
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
class LAMB final : public DecayedAdam {
 public:
  struct Config : DecayedAdam::Config {
    Config() { epsilon = 1e-6; }
  };
  explicit LAMB(Config config) : DecayedAdam(std::move(config)) {}

  bool takes_whole_parameter() const override { return true; }

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
    const auto rate = static_cast<float>(rate_of(scalars.epoch) * ratio_of(of_weights, of_directions));
    in_pieces(n, [&](std::int64_t begin, std::int64_t end) {
      go(p + begin, m + begin, v + begin, end - begin, c, rate);
      keep_within(config().param_clip_value, p + begin, end - begin);
    });
  }

  void reference_update(std::span<double> weights, std::span<const double> gradient,
                        std::span<const std::span<double>> states, const StepScalars& scalars) const override {
    std::vector<double> u(weights.size());
    double of_weights = 0, of_directions = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      u[i] = reference_direction(gradient[i], states[0][i], states[1][i], scalars) + config().wdecay * weights[i];
      of_weights += weights[i] * weights[i];
      of_directions += u[i] * u[i];
    }
    const double rate = rate_of(scalars.epoch) * ratio_of(of_weights, of_directions);
    for (std::size_t i = 0; i < weights.size(); ++i)
      weights[i] = clip(weights[i] - rate * u[i], bound_or_none(config().param_clip_value));
  }

 private:
  Scalars scalars_of(const StepScalars& scalars) const {
    return {static_cast<float>(config().beta_1),
            static_cast<float>(config().beta_2),
            static_cast<float>(config().epsilon),
            static_cast<float>(config().wdecay),
            1.0f / static_cast<float>(scalars.batch_size),
            static_cast<float>(bound_or_none(config().gradient_clip_value)),
            static_cast<float>(scalars.norm_scale),
            static_cast<float>(1 / weight_gathered(config().beta_1, scalars.step)),
            static_cast<float>(1 / std::sqrt(weight_gathered(config().beta_2, scalars.step)))};
  }
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
