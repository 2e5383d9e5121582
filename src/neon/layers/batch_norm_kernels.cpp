#include "neon/layers/batch_norm_kernels.h"

#include <type_traits>

#include "tensor/vectorized.h"

// Each kernel is one loop nest, made for blocks of 8 and 16 with the channels in registers, for single channels (plain
// order) with the positions as lanes, and for any other block.
#define NCLOUD_ALWAYS_INLINE inline __attribute__((always_inline))

namespace neon {
namespace {

constexpr int kLanes = 16;

template <int B>
NCLOUD_ALWAYS_INLINE void moments_blocked(const float* x, std::int64_t positions, float count, float* mean, float* m2) {
  float part_mean[B] = {}, part_m2[B] = {};
  for (std::int64_t p = 0; p < positions; ++p)
    for (int l = 0; l < B; ++l) part_mean[l] += x[p * B + l];
  const float n = static_cast<float>(positions);
  for (int l = 0; l < B; ++l) part_mean[l] /= n;
  for (std::int64_t p = 0; p < positions; ++p)
    for (int l = 0; l < B; ++l) part_m2[l] += (x[p * B + l] - part_mean[l]) * (x[p * B + l] - part_mean[l]);
  const float total = count + n;
  for (int l = 0; l < B; ++l) {
    const float delta = part_mean[l] - mean[l];
    mean[l] += delta * (n / total);
    m2[l] += part_m2[l] + delta * delta * (count * n / total);
  }
}

NCLOUD_ALWAYS_INLINE void moments_single(const float* x, std::int64_t positions, float count, float* mean, float* m2) {
  float sums[kLanes] = {};
  std::int64_t p = 0;
  for (; p + kLanes <= positions; p += kLanes)
    for (int l = 0; l < kLanes; ++l) sums[l] += x[p + l];
  float sum = 0;
  for (; p < positions; ++p) sum += x[p];
  for (const float lane : sums) sum += lane;
  const float n = static_cast<float>(positions), part_mean = sum / n;
  float squares[kLanes] = {};
  float square = 0;
  for (p = 0; p + kLanes <= positions; p += kLanes)
    for (int l = 0; l < kLanes; ++l) squares[l] += (x[p + l] - part_mean) * (x[p + l] - part_mean);
  for (; p < positions; ++p) square += (x[p] - part_mean) * (x[p] - part_mean);
  for (const float lane : squares) square += lane;
  const float total = count + n, delta = part_mean - *mean;
  *mean += delta * (n / total);
  *m2 += square + delta * delta * (count * n / total);
}

NCLOUD_ALWAYS_INLINE void moments_any(const float* x, std::int64_t positions, std::int64_t block, float count, float* mean,
                                      float* m2) {
  for (std::int64_t p = 0; p < positions; ++p) {
    const float total = count + static_cast<float>(p) + 1, share = 1 / total;
    for (std::int64_t l = 0; l < block; ++l) {
      const float delta = x[p * block + l] - mean[l];
      mean[l] += delta * share;
      m2[l] += delta * (x[p * block + l] - mean[l]);
    }
  }
}

template <int B>
NCLOUD_ALWAYS_INLINE void sums_blocked(const float* x, const float* dy, const float* scale, const float* shift,
                                       const float* mean, float slope, float* sum_g, float* sum_gx, std::int64_t positions) {
  float sg[B] = {}, sgx[B] = {};
  for (std::int64_t p = 0; p < positions; ++p)
    for (int l = 0; l < B; ++l) {
      const float v = x[p * B + l];
      const float g = scale[l] * v + shift[l] > 0 ? dy[p * B + l] : slope * dy[p * B + l];
      sg[l] += g;
      sgx[l] += g * (v - mean[l]);
    }
  for (int l = 0; l < B; ++l) {
    sum_g[l] += sg[l];
    sum_gx[l] += sgx[l];
  }
}

NCLOUD_ALWAYS_INLINE void sums_single(const float* x, const float* dy, float scale, float shift, float mean, float slope,
                                      float* sum_g, float* sum_gx, std::int64_t positions) {
  float sg[kLanes] = {}, sgx[kLanes] = {};
  std::int64_t p = 0;
  for (; p + kLanes <= positions; p += kLanes)
    for (int l = 0; l < kLanes; ++l) {
      const float v = x[p + l];
      const float g = scale * v + shift > 0 ? dy[p + l] : slope * dy[p + l];
      sg[l] += g;
      sgx[l] += g * (v - mean);
    }
  for (; p < positions; ++p) {
    const float g = scale * x[p] + shift > 0 ? dy[p] : slope * dy[p];
    sg[0] += g;
    sgx[0] += g * (x[p] - mean);
  }
  for (int l = 0; l < kLanes; ++l) {
    *sum_g += sg[l];
    *sum_gx += sgx[l];
  }
}

template <class Sizes>
NCLOUD_ALWAYS_INLINE void scale_rows(const float* x, const float* scale, const float* shift, float slope, float* y,
                                     std::int64_t positions, Sizes block) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t l = 0; l < block; ++l) {
      const float v = scale[l] * x[p * block + l] + shift[l];
      y[p * block + l] = v > 0 ? v : slope * v;
    }
}

template <class Sizes>
NCLOUD_ALWAYS_INLINE void gradient_rows(const float* x, const float* dy, const float* scale, const float* shift,
                                        const float* b, const float* c, float slope, float* dx, std::int64_t positions,
                                        Sizes block) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t l = 0; l < block; ++l) {
      const float v = x[p * block + l];
      const float g = scale[l] * v + shift[l] > 0 ? dy[p * block + l] : slope * dy[p * block + l];
      dx[p * block + l] = scale[l] * g + b[l] * v + c[l];
    }
}

template <int B>
using Fixed = std::integral_constant<std::int64_t, B>;

}  // namespace

NCLOUD_VECTORIZED
void add_to_moments(const float* x, std::int64_t positions, std::int64_t block, float count, float* mean, float* m2) {
  if (block == 8 && positions > 1) return moments_blocked<8>(x, positions, count, mean, m2);
  if (block == 16 && positions > 1) return moments_blocked<16>(x, positions, count, mean, m2);
  if (block == 1) return moments_single(x, positions, count, mean, m2);
  moments_any(x, positions, block, count, mean, m2);
}

NCLOUD_VECTORIZED
void scale_and_shift(const float* x, const float* scale, const float* shift, float slope, float* y, std::int64_t positions,
                     std::int64_t block) {
  if (block == 8) return scale_rows(x, scale, shift, slope, y, positions, Fixed<8>());
  if (block == 16) return scale_rows(x, scale, shift, slope, y, positions, Fixed<16>());
  if (block == 1) {
    const float a = *scale, b = *shift;
    for (std::int64_t p = 0; p < positions; ++p) {
      const float v = a * x[p] + b;
      y[p] = v > 0 ? v : slope * v;
    }
    return;
  }
  scale_rows(x, scale, shift, slope, y, positions, block);
}

NCLOUD_VECTORIZED
void add_gradient_sums(const float* x, const float* dy, const float* scale, const float* shift, const float* mean,
                       float slope, float* sum_g, float* sum_gx, std::int64_t positions, std::int64_t block) {
  if (block == 8) return sums_blocked<8>(x, dy, scale, shift, mean, slope, sum_g, sum_gx, positions);
  if (block == 16) return sums_blocked<16>(x, dy, scale, shift, mean, slope, sum_g, sum_gx, positions);
  if (block == 1) return sums_single(x, dy, *scale, *shift, *mean, slope, sum_g, sum_gx, positions);
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t l = 0; l < block; ++l) {
      const float v = x[p * block + l];
      const float g = scale[l] * v + shift[l] > 0 ? dy[p * block + l] : slope * dy[p * block + l];
      sum_g[l] += g;
      sum_gx[l] += g * (v - mean[l]);
    }
}

NCLOUD_VECTORIZED
void input_gradient(const float* x, const float* dy, const float* scale, const float* shift, const float* b, const float* c,
                    float slope, float* dx, std::int64_t positions, std::int64_t block) {
  if (block == 8) return gradient_rows(x, dy, scale, shift, b, c, slope, dx, positions, Fixed<8>());
  if (block == 16) return gradient_rows(x, dy, scale, shift, b, c, slope, dx, positions, Fixed<16>());
  if (block == 1) {
    const float s = *scale, t = *shift, e = *b, f = *c;
    for (std::int64_t p = 0; p < positions; ++p) {
      const float g = s * x[p] + t > 0 ? dy[p] : slope * dy[p];
      dx[p] = s * g + e * x[p] + f;
    }
    return;
  }
  gradient_rows(x, dy, scale, shift, b, c, slope, dx, positions, block);
}

}  // namespace neon
