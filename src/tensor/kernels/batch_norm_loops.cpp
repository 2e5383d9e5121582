#include "tensor/kernels/batch_norm_loops.h"

#include "tensor/vectorized.h"

// Written with explicit vectors of 8 numbers, which the compiler maps to whatever the instruction set has: it does not
// vectorise these sums and selections by itself. Lanes run along the channels of a block, or, where a block is a single
// channel (plain order), along the positions.
#define NCLOUD_ALWAYS_INLINE inline __attribute__((always_inline))

namespace tensor {
namespace {

constexpr std::int64_t kLanes = 8;
typedef float Lanes __attribute__((vector_size(32), aligned(4), may_alias));

NCLOUD_ALWAYS_INLINE const Lanes& load(const float* p) { return *reinterpret_cast<const Lanes*>(p); }
NCLOUD_ALWAYS_INLINE Lanes& at(float* p) { return *reinterpret_cast<Lanes*>(p); }

NCLOUD_ALWAYS_INLINE float sum_of(const Lanes& lanes) {
  float sum = 0;
  for (int l = 0; l < kLanes; ++l) sum += lanes[l];
  return sum;
}

/// Joins the moments of `n` numbers to those of `count`.
NCLOUD_ALWAYS_INLINE void join(float part_mean, float part_m2, float n, float count, float* mean, float* m2) {
  const float total = count + n, delta = part_mean - *mean;
  *mean += delta * (n / total);
  *m2 += part_m2 + delta * delta * (count * n / total);
}

/// G groups of 8 channels at x, rows `stride` apart.
template <int G>
NCLOUD_ALWAYS_INLINE void moments_of_groups(const float* x, std::int64_t positions, std::int64_t stride, float count,
                                            float* mean, float* m2) {
  const float n = static_cast<float>(positions), total = count + n;
  Lanes sum[G] = {}, square[G] = {};
  for (std::int64_t p = 0; p < positions; ++p)
    for (int g = 0; g < G; ++g) sum[g] += load(x + p * stride + g * kLanes);
  for (int g = 0; g < G; ++g) sum[g] /= n;
  for (std::int64_t p = 0; p < positions; ++p)
    for (int g = 0; g < G; ++g) {
      const Lanes centred = load(x + p * stride + g * kLanes) - sum[g];
      square[g] += centred * centred;
    }
  for (int g = 0; g < G; ++g) {
    const Lanes delta = sum[g] - load(mean + g * kLanes);
    at(mean + g * kLanes) += delta * (n / total);
    at(m2 + g * kLanes) += square[g] + delta * delta * (count * n / total);
  }
}

NCLOUD_ALWAYS_INLINE void moments_of_one(const float* x, std::int64_t positions, std::int64_t stride, float count,
                                         float* mean, float* m2) {
  float sum = 0, square = 0;
  const float n = static_cast<float>(positions);
  for (std::int64_t p = 0; p < positions; ++p) sum += x[p * stride];
  for (std::int64_t p = 0; p < positions; ++p) square += (x[p * stride] - sum / n) * (x[p * stride] - sum / n);
  join(sum / n, square, n, count, mean, m2);
}

NCLOUD_ALWAYS_INLINE void moments_of_plain(const float* x, std::int64_t positions, float count, float* mean,
                                           float* m2) {
  const float n = static_cast<float>(positions);
  const std::int64_t whole = positions / kLanes * kLanes;
  Lanes sums = {}, squares = {};
  float sum = 0, square = 0;
  for (std::int64_t p = 0; p < whole; p += kLanes) sums += load(x + p);
  for (std::int64_t p = whole; p < positions; ++p) sum += x[p];
  const float part_mean = (sum + sum_of(sums)) / n;
  for (std::int64_t p = 0; p < whole; p += kLanes) squares += (load(x + p) - part_mean) * (load(x + p) - part_mean);
  for (std::int64_t p = whole; p < positions; ++p) square += (x[p] - part_mean) * (x[p] - part_mean);
  join(part_mean, square + sum_of(squares), n, count, mean, m2);
}

}  // namespace

NCLOUD_VECTORIZED
void add_to_moments(const float* x, std::int64_t positions, std::int64_t block, float count, float* mean, float* m2) {
  if (block == 1) return moments_of_plain(x, positions, count, mean, m2);
  std::int64_t l = 0;
  for (; l + 2 * kLanes <= block; l += 2 * kLanes)
    moments_of_groups<2>(x + l, positions, block, count, mean + l, m2 + l);
  for (; l + kLanes <= block; l += kLanes) moments_of_groups<1>(x + l, positions, block, count, mean + l, m2 + l);
  for (; l < block; ++l) moments_of_one(x + l, positions, block, count, mean + l, m2 + l);
}

NCLOUD_VECTORIZED
void scale_and_shift(const float* x, const float* scale, const float* shift, float slope, float* y,
                     std::int64_t positions, std::int64_t block) {
  const std::int64_t whole = (block == 1 ? positions : block) / kLanes * kLanes;
  if (block == 1) {
    const float a = *scale, b = *shift;
    for (std::int64_t p = 0; p < whole; p += kLanes) {
      const Lanes v = a * load(x + p) + b;
      at(y + p) = v > 0 ? v : slope * v;
    }
    for (std::int64_t p = whole; p < positions; ++p) {
      const float v = a * x[p] + b;
      y[p] = v > 0 ? v : slope * v;
    }
    return;
  }
  for (std::int64_t l = 0; l < whole; l += kLanes) {
    const Lanes a = load(scale + l), b = load(shift + l);
    for (std::int64_t p = 0; p < positions; ++p) {
      const Lanes v = a * load(x + p * block + l) + b;
      at(y + p * block + l) = v > 0 ? v : slope * v;
    }
  }
  for (std::int64_t l = whole; l < block; ++l)
    for (std::int64_t p = 0; p < positions; ++p) {
      const float v = scale[l] * x[p * block + l] + shift[l];
      y[p * block + l] = v > 0 ? v : slope * v;
    }
}

NCLOUD_VECTORIZED
void add_gradient_sums(const float* x, const float* dy, const float* scale, const float* shift, const float* mean,
                       float slope, float* sum_g, float* sum_gx, std::int64_t positions, std::int64_t block) {
  const std::int64_t whole = (block == 1 ? positions : block) / kLanes * kLanes;
  if (block == 1) {
    const float a = *scale, b = *shift, m = *mean;
    Lanes gs = {}, gxs = {};
    for (std::int64_t p = 0; p < whole; p += kLanes) {
      const Lanes v = load(x + p), up = load(dy + p);
      const Lanes g = a * v + b > 0 ? up : slope * up;
      gs += g;
      gxs += g * (v - m);
    }
    for (std::int64_t p = whole; p < positions; ++p) {
      const float g = a * x[p] + b > 0 ? dy[p] : slope * dy[p];
      *sum_g += g;
      *sum_gx += g * (x[p] - m);
    }
    *sum_g += sum_of(gs);
    *sum_gx += sum_of(gxs);
    return;
  }
  for (std::int64_t l = 0; l < whole; l += kLanes) {
    const Lanes a = load(scale + l), b = load(shift + l), m = load(mean + l);
    Lanes gs = {}, gxs = {};
    for (std::int64_t p = 0; p < positions; ++p) {
      const Lanes v = load(x + p * block + l), up = load(dy + p * block + l);
      const Lanes g = a * v + b > 0 ? up : slope * up;
      gs += g;
      gxs += g * (v - m);
    }
    at(sum_g + l) += gs;
    at(sum_gx + l) += gxs;
  }
  for (std::int64_t l = whole; l < block; ++l)
    for (std::int64_t p = 0; p < positions; ++p) {
      const float v = x[p * block + l], up = dy[p * block + l];
      const float g = scale[l] * v + shift[l] > 0 ? up : slope * up;
      sum_g[l] += g;
      sum_gx[l] += g * (v - mean[l]);
    }
}

NCLOUD_VECTORIZED
void input_gradient(const float* x, const float* dy, const float* scale, const float* shift, const float* b,
                    const float* c, float slope, float* dx, std::int64_t positions, std::int64_t block) {
  const std::int64_t whole = (block == 1 ? positions : block) / kLanes * kLanes;
  if (block == 1) {
    const float s = *scale, t = *shift, e = *b, f = *c;
    for (std::int64_t p = 0; p < whole; p += kLanes) {
      const Lanes v = load(x + p), up = load(dy + p);
      const Lanes g = s * v + t > 0 ? up : slope * up;
      at(dx + p) = s * g + e * v + f;
    }
    for (std::int64_t p = whole; p < positions; ++p) {
      const float v = x[p], g = s * v + t > 0 ? dy[p] : slope * dy[p];
      dx[p] = s * g + e * v + f;
    }
    return;
  }
  for (std::int64_t l = 0; l < whole; l += kLanes) {
    const Lanes s = load(scale + l), t = load(shift + l), e = load(b + l), f = load(c + l);
    for (std::int64_t p = 0; p < positions; ++p) {
      const Lanes v = load(x + p * block + l), up = load(dy + p * block + l);
      const Lanes g = s * v + t > 0 ? up : slope * up;
      at(dx + p * block + l) = s * g + e * v + f;
    }
  }
  for (std::int64_t l = whole; l < block; ++l)
    for (std::int64_t p = 0; p < positions; ++p) {
      const float v = x[p * block + l], up = dy[p * block + l];
      const float g = scale[l] * v + shift[l] > 0 ? up : slope * up;
      dx[p * block + l] = scale[l] * g + b[l] * v + c[l];
    }
}

}  // namespace tensor
