#pragma once
#include <cmath>
#include <vector>

#include "neon/layer.h"

namespace neon {

/// The oracle of normalisations inside an example: which numbers share their statistics, and which their scale and
/// shift. Parameters are gamma and beta.
struct NormalisedSet {
  std::vector<std::size_t> members;     ///< places in the tensor
  std::vector<std::size_t> parameters;  ///< of each member
};

struct Moments {
  double mean = 0, inverse = 0;
  static Moments of(const Reference& r, const NormalisedSet& set, double eps) {
    Moments m;
    const auto count = static_cast<double>(set.members.size());
    for (const std::size_t i : set.members) m.mean += r.src()[i] / count;
    double variance = 0;
    for (const std::size_t i : set.members) variance += (r.src()[i] - m.mean) * (r.src()[i] - m.mean) / count;
    m.inverse = 1 / std::sqrt(variance + eps);
    return m;
  }
};

inline void normalise_forward(Reference& r, const NormalisedSet& set, double eps) {
  const Moments m = Moments::of(r, set, eps);
  for (std::size_t k = 0; k < set.members.size(); ++k) {
    const std::size_t i = set.members[k], p = set.parameters[k];
    r.dst()[i] = r.parameters[0][p] * (r.src()[i] - m.mean) * m.inverse + r.parameters[1][p];
  }
}

inline void normalise_backward(Reference& r, const NormalisedSet& set, double eps) {
  const Moments m = Moments::of(r, set, eps);
  const auto count = static_cast<double>(set.members.size());
  double sum = 0, sum_x = 0;
  for (std::size_t k = 0; k < set.members.size(); ++k) {
    const std::size_t i = set.members[k], p = set.parameters[k];
    const double x = (r.src()[i] - m.mean) * m.inverse;
    r.gradients[0][p] += r.diff_dst()[i] * x;
    r.gradients[1][p] += r.diff_dst()[i];
    sum += r.parameters[0][p] * r.diff_dst()[i];
    sum_x += r.parameters[0][p] * r.diff_dst()[i] * x;
  }
  for (std::size_t k = 0; k < set.members.size(); ++k) {
    const std::size_t i = set.members[k], p = set.parameters[k];
    const double x = (r.src()[i] - m.mean) * m.inverse;
    r.diff_src()[i] = m.inverse * (r.parameters[0][p] * r.diff_dst()[i] - sum / count - x * sum_x / count);
  }
}

}  // namespace neon
