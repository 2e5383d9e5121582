#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace neon {

/// neon's logarithm with a floor: ln(max(x, e^-50)).
inline double safelog(double x) { return std::log(std::max(x, std::exp(-50.0))); }

inline constexpr float kSafelogFloor = 1.9287498e-22f;  // e^-50

/// Its derivative: 0 below the floor.
[[gnu::always_inline]] inline float safelog_slope(float x) { return x > kSafelogFloor ? 1.0f / x : x - x; }

/// The same in float, written so that loops over it vectorise; relative error under 3e-7. NaN stays NaN.
/// Source of the polynomial: Cephes' logf (Moshier).
[[gnu::always_inline]] inline float safelog_quick(float x) {
  // Floats over 0 are ordered as their bits are, and those below 0 have bits below 0.
  const auto floor_bits = std::bit_cast<std::int32_t>(kSafelogFloor);
  const auto x_bits = std::bit_cast<std::int32_t>(x);
  const std::int32_t bits = x_bits > floor_bits ? x_bits : floor_bits;
  // Split into 2^e·m with m in [sqrt(1/2), sqrt(2)); 0x3f3504f3 is sqrt(1/2).
  const std::int32_t shifted = bits - 0x3f3504f3;
  const auto e = static_cast<float>(shifted >> 23);
  const float m = std::bit_cast<float>((shifted & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const float z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  const float tail = p * m * z + e * -2.12194440e-4f - 0.5f * z;
  return m + tail + e * 0.693359375f + (x - x);  // x - x is 0 or NaN
}

/// Adds up term(i) for i in [0, n): the terms in float, vectorised in blocks, their sum in double. The order of
/// additions is fixed. Inlines into functions marked NCLOUD_VECTORIZED.
template <class Term>
[[gnu::always_inline]] inline double sum_of(std::int64_t n, const Term& term) {
  constexpr std::int64_t kBlock = 256;
  alignas(64) float terms[kBlock];
  double sums[4] = {};
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t count = n - begin < kBlock ? n - begin : kBlock;
    for (std::int64_t i = 0; i < count; ++i) terms[i] = term(begin + i);
    std::int64_t i = 0;
    for (; i + 4 <= count; i += 4)
      for (int lane = 0; lane < 4; ++lane) sums[lane] += terms[i + lane];
    for (; i < count; ++i) sums[0] += terms[i];
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace neon
