#include <algorithm>

#include "neon/optimizers/rule.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

/// out = g + batch·(l1·sign(p) + l2·p): the gradient of the penalties, for a batch of sums.
NCLOUD_VECTORIZED
void add_penalty(const float* __restrict g, const float* __restrict p, float* __restrict out, std::int64_t n, float l1,
                 float l2) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float sign = (p[i] > 0 ? 1.0f : 0.0f) - (p[i] < 0 ? 1.0f : 0.0f);
    out[i] = g[i] + (l1 * sign + l2 * p[i]);
  }
}

class Regularized final : public Optimizer {
 public:
  struct Config {
    Part optimizer;
    double l1 = 0, l2 = 0;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("optimizer", &Config::optimizer, "the rule that gets the larger gradient").required(),
          base::field("l1", &Config::l1, "factor of Σ|w|").at_least(0),
          base::field("l2", &Config::l2, "factor of Σw²/2").at_least(0),
          base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };
  explicit Regularized(const Config& config)
      : rule_(Shelf<Optimizer>::instance().make(config.optimizer)), l1_(config.l1), l2_(config.l2) {
    if (&rule_->rule_for("", "") != rule_.get())
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("optimizer must be a single rule, got {}; write the mapping outside and Regularized "
                      "for the layers it is meant for",
                      config.optimizer.type),
          config.optimizer.where);
    if (rule_->takes_whole_parameter())
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("optimizer must be a rule that treats every number for itself, got {}; use its own "
                                    "weight decay",
                                    config.optimizer.type),
                        config.optimizer.where);
  }

  bool learns() const override { return rule_->learns(); }
  int state_count() const override { return rule_->state_count(); }
  std::optional<double> gradient_clip_norm() const override { return rule_->gradient_clip_norm(); }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> states,
              const StepScalars& scalars) const override {
    constexpr std::size_t kPiece = 4096;  // a few pages of the stack
    std::array<float, kPiece> penalised;
    std::array<float*, kMaximumStates> at{};
    const auto batch = static_cast<double>(scalars.batch_size);
    for (std::size_t begin = 0; begin < weights.size(); begin += kPiece) {
      const std::size_t count = std::min(kPiece, weights.size() - begin);
      add_penalty(gradient.data() + begin, weights.data() + begin, penalised.data(), static_cast<std::int64_t>(count),
                  static_cast<float>(batch * l1_), static_cast<float>(batch * l2_));
      for (std::size_t i = 0; i < states.size(); ++i) at[i] = states[i] + begin;
      rule_->update(weights.subspan(begin, count), std::span(penalised).first(count),
                    std::span(at).first(states.size()), scalars);
    }
  }

  void reference_update(std::span<double> weights, std::span<const double> gradient,
                        std::span<const std::span<double>> states, const StepScalars& scalars) const override {
    std::vector<double> penalised(gradient.begin(), gradient.end());
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double p = weights[i], sign = p > 0 ? 1 : p < 0 ? -1 : 0;
      penalised[i] += static_cast<double>(scalars.batch_size) * (l1_ * sign + l2_ * p);
    }
    rule_->reference_update(weights, penalised, states, scalars);
  }

 private:
  std::shared_ptr<const Optimizer> rule_;
  double l1_, l2_;
};

const OnShelf<Optimizer, Regularized> registered(
    "Regularized", "a rule with penalties on large weights",
    R"(The gradient that `optimizer` gets is that of cost + l1·Σ|w| + l2·Σw²/2. The cost that is shown has no penalties, and a
`gradient_clip_norm` measures the gradient without them. By layer, in a `MultiOptimizer`:

```yaml
optimizer:
  type: MultiOptimizer
  config:
    optimizer_mapping:
      default: {type: Adam}
      Linear: {type: Regularized, config: {l1: 0.0001, optimizer: {type: Adam}}}
```)",
    {{"L1", "write Regularized with l1"}, {"L2", "write Regularized with l2"}, {"Lasso", "write Regularized with l1"}});

}  // namespace
}  // namespace neon
