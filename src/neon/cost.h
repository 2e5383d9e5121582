#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace neon {

/// A cost function of outputs y and targets t, both (rows, columns) row-major: one row per example.
class Cost {
 public:
  static constexpr std::string_view kKind = "cost";
  virtual ~Cost() = default;

  /// Errors: invalid_argument when the cost is made for another number of columns. value and gradient throw it, too.
  virtual void check_columns(std::int64_t columns) const { static_cast<void>(columns); }

  /// False for a cost of outputs alone.
  virtual bool reads_target() const { return true; }

  /// The mean over rows of the cost per row.
  virtual double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
                       std::int64_t columns) const = 0;

  /// neon's gradient per row, not divided by rows: d(cost)/dy, or, of costs with a shortcut_activation, d(cost)/dx
  /// where y is that activation of x.
  virtual void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                        std::int64_t columns) const = 0;

  /// d(cost)/dy whatever stands before: what a plan uses when the short cut's partner is missing.
  virtual void true_gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                             std::int64_t columns) const {
    gradient(y, t, dy, rows, columns);
  }

  /// Factor of both gradients that the value does not have.
  virtual double gradient_scale() const { return 1; }

  /// The cost of one row in double, exactly as defined: the oracle of the tests.
  virtual double reference_value(std::span<const double> y, std::span<const double> t) const = 0;

  /// Whether it compares whole sequences instead of rows. Then each call is for one example: y has its real steps as
  /// rows, and t what its target says as one-hot rows, of which there are as many as the sequence can be long. The
  /// value is the cost of that example.
  virtual bool compares_sequences() const { return false; }

  /// Of costs that take outputs for sequences of labels which nobody has aligned: the class that stands for no label.
  virtual std::optional<std::int64_t> blank() const { return {}; }

  /// Of such costs: the steps that a sequence must have at least for the target t.
  virtual std::int64_t steps_needed(std::span<const float> t, std::int64_t columns) const {
    return static_cast<void>(t), static_cast<void>(columns), 0;
  }

  /// Name of the activation that the short-cut gradient belongs with ("Softmax", "Logistic"); empty when there is none.
  virtual std::string_view shortcut_activation() const { return {}; }
};

}  // namespace neon
