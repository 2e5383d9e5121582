#pragma once
#include <array>
#include <cstdint>

#include "tensor/runnable.h"

namespace tensor {

/// Light of another colour for each example: offset c is the sum over k of vectors[c][k]·deviations[k]·a_k, with a_k
/// drawn from a normal distribution of this deviation.
struct ColourNoise {
  std::array<std::array<double, 3>, 3> vectors{};
  std::array<double, 3> deviations{};
  double deviation = 0;
  std::uint64_t stream = 0;  ///< tells one layer's random numbers from another's

  /// Of one row: a function of these numbers, seed, step and row alone.
  std::array<double, 3> offsets(std::uint64_t seed, std::int64_t step, std::int64_t row) const;
};

/// dst = src + offsets, one for each of the three channels of (n, 3, ...), row-major; dst may be src. Arguments: src,
/// dst.
Kernel colour_noise(const Layout& src, const ColourNoise& noise);

}  // namespace tensor
