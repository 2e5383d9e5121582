#include "neon/optimizers/rule.h"

namespace neon {
namespace {

/// Different rules for different layers.
class MultiOptimizer final : public Optimizer {
 public:
  struct Config {
    std::map<std::string, Part> optimizer_mapping;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("optimizer_mapping", &Config::optimizer_mapping,
                                    "from layer names or classes to optimizers; 'default' is for all others")
                            .required(),
                        base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };

  explicit MultiOptimizer(const Config& config) {
    for (const auto& [key, part] : config.optimizer_mapping) rules_[key] = Shelf<Optimizer>::instance().make(part);
    if (!rules_.contains("default"))
      throw base::Error(base::Code::invalid_argument,
                        "optimizer_mapping needs the key 'default' for the layers it does not name");
  }

  const Optimizer& rule_for(std::string_view layer_name, std::string_view layer_class) const override {
    for (const std::string_view key : {layer_name, layer_class}) {
      const auto found = rules_.find(key);
      if (found != rules_.end()) return found->second->rule_for(layer_name, layer_class);
    }
    return fallback().rule_for(layer_name, layer_class);
  }

  int state_count() const override { return fallback().state_count(); }
  std::optional<double> learning_rate(std::int64_t epoch) const override { return fallback().learning_rate(epoch); }
  bool takes_whole_parameter() const override { return fallback().takes_whole_parameter(); }
  std::optional<double> gradient_clip_norm() const override { return fallback().gradient_clip_norm(); }
  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> states,
              const StepScalars& scalars) const override {
    fallback().update(weights, gradient, states, scalars);
  }
  void reference_update(std::span<double> weights, std::span<const double> gradient,
                        std::span<const std::span<double>> states, const StepScalars& scalars) const override {
    fallback().reference_update(weights, gradient, states, scalars);
  }

 private:
  const Optimizer& fallback() const { return *rules_.find("default")->second; }

  std::map<std::string, std::shared_ptr<const Optimizer>, std::less<>> rules_;
};

const OnShelf<Optimizer, MultiOptimizer> registered(
    "MultiOptimizer", "different rules for different layers",
    R"(A layer's name goes before its class; `default` is needed. `Frozen` keeps a layer as it is; `Regularized`, or another `wdecay`, holds back
the weights of some layers more than those of others.

```yaml
optimizer:
  type: MultiOptimizer
  config:
    optimizer_mapping:
      default: {type: GradientDescentMomentum, config: {learning_rate: 0.1, momentum_coef: 0.9}}
      Bias: {type: RMSProp}
```)");

}  // namespace
}  // namespace neon
