#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace neon {

/// What is the same for all parameters of one step.
struct StepScalars {
  std::int64_t epoch = 0;       ///< from 0
  std::int64_t step = 1;        ///< optimizer calls so far, this one included (Adam's t)
  std::int64_t batch_size = 1;  ///< gradients are sums over so many examples; the rule divides by this
  double norm_scale = 1;        ///< s of gradient_clip_norm; 1 when nothing is clipped
};

/// Buffers that a rule may keep for each parameter.
inline constexpr int kMaximumStates = 8;

/// An update rule. It works element by element, or with sums over all of them, so any memory layout will do. Formulas:
/// docs/reference/optimizers.md.
class Optimizer {
 public:
  static constexpr std::string_view kKind = "optimizer";
  virtual ~Optimizer() = default;

  /// Buffers of the parameter's size that the rule keeps between steps, all zero at first (momentum, squares); at most
  /// kMaximumStates.
  virtual int state_count() const = 0;

  /// The rate of an epoch, where the rule has one.
  virtual std::optional<double> learning_rate(std::int64_t epoch) const {
    return static_cast<void>(epoch), std::optional<double>();
  }

  /// The bound c of ‖all gradients‖₂ / batch_size, when the rule has one. Then the plan computes
  /// norm_scale = c / max(norm, c) before any update; without it each layer updates right after its gradient.
  virtual std::optional<double> gradient_clip_norm() const { return std::nullopt; }

  /// Whether update must have a parameter as a whole, because what it does depends on all of it: then the rule makes
  /// its own threads. Otherwise callers may update pieces, each in a thread.
  virtual bool takes_whole_parameter() const { return false; }

  /// weights, gradient and every states[i] have the same length. No allocation.
  virtual void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> states,
                      const StepScalars& scalars) const = 0;

  /// False for a rule that changes nothing: gradients for it are not needed.
  virtual bool learns() const { return true; }

  /// The same rule in plain double loops: the oracle of the tests.
  virtual void reference_update(std::span<double> weights, std::span<const double> gradient,
                                std::span<const std::span<double>> states, const StepScalars& scalars) const = 0;

  /// The rule for the parameters of one layer (name as in the file, class such as "Linear"); a rule that maps layers to
  /// other rules overrides this.
  virtual const Optimizer& rule_for(std::string_view layer_name, std::string_view layer_class) const;
};

}  // namespace neon
