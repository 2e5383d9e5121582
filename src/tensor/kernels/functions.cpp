#include <algorithm>
#include <bit>
#include <cmath>

#include "tensor/recurrent.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

/// e^x as 2^k·e^r with |r| <= ln 2 / 2 and a polynomial for e^r, to some 2 units in the last place; the compiler
/// vectorises it, unlike the library's.
[[gnu::always_inline]] inline float quick_exp(float x) {
  x = std::min(std::max(x, -87.0f), 88.0f);
  const float k = std::floor(x * 1.44269504f + 0.5f);
  const float r = x - k * 0.693359375f + k * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(k) + 127) << 23);
}

NCLOUD_VECTORIZED void logistic(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = 1 / (1 + quick_exp(-x[i]));
}

/// Small x by an odd polynomial, because 1 - 2/(e^2x + 1) would lose their digits.
NCLOUD_VECTORIZED void tanh(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float v = x[i], s = v * v;
    float p = -5.70498872745e-3f;
    p = p * s + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    const float small = p * s * v + v, large = 1 - 2 / (quick_exp(2 * v) + 1);
    y[i] = s < 0.39f ? small : large;
  }
}

NCLOUD_VECTORIZED void rectlin(const float* x, float* y, std::int64_t count, float slope) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

}  // namespace

void apply(const FunctionOf& function, const float* x, float* y, std::int64_t count) {
  switch (function.function) {
    case Function::rectlin: return rectlin(x, y, count, function.slope);
    case Function::logistic: return logistic(x, y, count);
    case Function::tanh: return tanh(x, y, count);
  }
}

}  // namespace tensor
