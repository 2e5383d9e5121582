#pragma once
// Functions of one float for loops that vectorise: no branches, no calls, no tables. The errors that each states hold
// for every float (vector_math_test.cpp). NaN stays NaN. Inline them into functions marked NCLOUD_VECTORIZED.
#include <bit>
#include <cstdint>
#include <limits>

namespace tensor {

/// e^x, relative error under 2e-7; 0 below -87.3 and infinite above 88.3.
/// Source of the polynomial: Cephes' expf (Moshier).
[[gnu::always_inline]] inline float exp_quick(float x) {
  constexpr float kLowest = -87.33f, kHighest = 88.37f;
  float within = x < kLowest ? kLowest : x;
  within = within > kHighest ? kHighest : within;
  // x = n·ln 2 + r with |r| <= ln(2)/2. Adding 1.5·2^23 rounds to a whole number, which is then in the low bits.
  constexpr float kRound = 12582912.0f;
  const float rounded = within * 1.44269504088896341f + kRound;
  const float n = rounded - kRound;
  const float r = (within - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(rounded) + 127u) << 23;
  const float y = p * std::bit_cast<float>(exponent);
  const float above = x > kHighest ? std::numeric_limits<float>::infinity() : y;
  return x < kLowest ? 0.0f : above;
}

/// 1/(1 + e^-x), relative error under 3e-7 down to -87.
[[gnu::always_inline]] inline float logistic_quick(float x) { return 1.0f / (1.0f + exp_quick(-x)); }

/// tanh x, relative error under 4e-7. Source of the polynomial: Cephes' tanhf (Moshier).
[[gnu::always_inline]] inline float tanh_quick(float x) {
  const float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float near_zero = p * z * x + x;
  const float away = 1.0f - 2.0f / (exp_quick(2.0f * x) + 1.0f);
  return z < 0.390625f ? near_zero : away;
}

/// erf x, relative error under 4e-7.
/// Source of the polynomials: N. Juffa, "Accurate and fast single-precision error function".
[[gnu::always_inline]] inline float erf_quick(float x) {
  const float t = x < 0 ? -x : x, s = x * x;
  float near_zero = -5.96761703e-4f;
  near_zero = near_zero * s + 4.99119423e-3f;
  near_zero = near_zero * s - 2.67681349e-2f;
  near_zero = near_zero * s + 1.12819925e-1f;
  near_zero = near_zero * s - 3.76125336e-1f;
  near_zero = near_zero * s + 1.28379166e-1f;
  near_zero = near_zero * x + x;
  const float bounded = t > 4.0f ? 4.0f : t;  // erf is 1 there
  float r = -1.72853470e-5f * bounded + 3.83197126e-4f;
  const float u = -3.88396438e-3f * bounded + 2.42546219e-2f;
  r = r * (bounded * bounded) + u;
  r = r * bounded - 1.06777877e-1f;
  r = r * bounded - 6.34846687e-1f;
  r = r * bounded - 1.28717512e-1f;
  r = r * bounded - bounded;
  const float size = 1.0f - exp_quick(r);
  const float away = x < 0 ? -size : size;
  return t > 0.921875f ? away : near_zero;
}

/// ln(1 + e^x), relative error under 5e-7: of e^-|x| by the series of 2·artanh(e/(2 + e)).
[[gnu::always_inline]] inline float softplus_quick(float x) {
  const float e = exp_quick(x < 0 ? x : -x);
  const float s = e / (2.0f + e), z = s * s;
  float p = 1.0f / 15;
  p = p * z + 1.0f / 13;
  p = p * z + 1.0f / 11;
  p = p * z + 1.0f / 9;
  p = p * z + 1.0f / 7;
  p = p * z + 1.0f / 5;
  p = p * z + 1.0f / 3;
  p = p * z + 1.0f;
  return 2.0f * s * p + (x < 0 ? 0.0f : x);
}

}  // namespace tensor
