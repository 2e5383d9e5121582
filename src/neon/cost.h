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

  /// The mean over rows of the cost per row.
  virtual double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
                       std::int64_t columns) const = 0;

  /// d(cost of the row)/dy, not divided by rows. Some costs give the short-cut form that belongs with an output
  /// activation whose own derivative is then taken as 1 (Softmax, Logistic(shortcut)).
  virtual void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                        std::int64_t columns) const = 0;

  /// The cost of one row in double, exactly as defined: the oracle of the tests.
  virtual double reference_value(std::span<const double> y, std::span<const double> t) const = 0;

  /// Name of the activation that the short-cut gradient belongs with ("Softmax", "Logistic"); empty when it is exact.
  virtual std::string_view shortcut_activation() const { return {}; }
};

}  // namespace neon
