#pragma once
#include <array>
#include <optional>
#include <string>

#include "neon/trainer.h"

namespace neon {

/// Which way a figure is better.
enum class Better { by_name, lower, higher };
constexpr auto enumerators(Better) {
  return std::array{std::pair{Better::by_name, "by_name"}, std::pair{Better::lower, "lower"},
                    std::pair{Better::higher, "higher"}};
}

/// A figure of the epochs, and the best of it so far.
class Watched {
 public:
  Watched(std::string figure, Better better, double least_gain);

  /// Errors: invalid_argument with the figures that there are, when this is none of them.
  void check(const std::vector<std::string>& figures) const;

  /// The figure of this epoch; nothing when the epoch was not evaluated.
  std::optional<double> of(const EpochEvent& event) const;

  /// Whether the value is better than the best before by at least the least gain; then it is the best.
  bool improves(double value);

  const std::string& figure() const { return figure_; }
  const std::optional<double>& best() const { return best_; }
  void set_best(std::optional<double> best) { best_ = best; }

 private:
  std::string figure_;
  bool higher_;
  double least_gain_;
  std::optional<double> best_;
};

}  // namespace neon
