#pragma once
#include <cstdint>

namespace tensor {

/// Kernels over `positions` × `block` numbers: one example's channel block. Arrays named per channel have `block`
/// entries.

/// Adds the numbers to running (mean, m2) of `count` numbers per channel, by the formula of Chan, Golub and LeVeque
/// (1979), exact enough in float because each part is centred before it is squared.
void add_to_moments(const float* x, std::int64_t positions, std::int64_t block, float count, float* mean, float* m2);

/// y = scale·x + shift, then y > 0 ? y : slope·y. A slope of 1 means no rectifier.
void scale_and_shift(const float* x, const float* scale, const float* shift, float slope, float* y,
                     std::int64_t positions, std::int64_t block);

/// With g = dy·rectlin'(scale·x + shift): sum_g += Σ g, sum_gx += Σ g·(x - mean).
void add_gradient_sums(const float* x, const float* dy, const float* scale, const float* shift, const float* mean,
                       float slope, float* sum_g, float* sum_gx, std::int64_t positions, std::int64_t block);

/// dx = scale·g + b·x + c.
void input_gradient(const float* x, const float* dy, const float* scale, const float* shift, const float* b,
                    const float* c, float slope, float* dx, std::int64_t positions, std::int64_t block);

}  // namespace tensor
