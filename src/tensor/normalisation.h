#pragma once
// Normalisations of single examples, across maps, and by powers of two. Those over a batch are in operations.h.
#include <bit>
#include <cstdint>

#include "tensor/runnable.h"

namespace tensor {

/// Channels in groups: within each group of an example y = scale·(x - mean)/sqrt(variance + eps) + shift, scale and
/// shift per channel, then y > 0 ? y : slope·y (a slope of 1: nothing).
/// Arguments: src, scale, shift, dst, workspace.
struct GroupNormalisation {
  std::int64_t groups = 1;
  float eps = 1e-5f, slope = 1;
};
Kernel group_norm_forward(const Layout& src, const GroupNormalisation& how);
/// Arguments: src, diff_dst, scale, workspace, diff_src (may be diff_dst), diff_scale, diff_shift, scratchpad.
Kernel group_norm_backward(const Layout& src, const GroupNormalisation& how);

/// Row-major (n, ...): y = scale·(x - mean)/sqrt(variance + eps) + shift over all numbers of each example, scale and
/// shift for each of them. Arguments: src, scale, shift, dst, workspace.
Kernel layer_norm_forward(const Layout& src, float eps);
/// Arguments: src, diff_dst, scale, workspace, diff_src (may be diff_dst), diff_scale, diff_shift, scratchpad.
Kernel layer_norm_backward(const Layout& src);

/// Row-major (n, channels, positions): y = x·denominator^-power, denominator = 1 + scale/depth·Σ x² over the `depth`
/// channels around. Arguments: src, dst, workspace (the denominators).
struct LocalResponse {
  std::int64_t n = 0, channels = 0, positions = 0, depth = 5;
  float scale = 1, power = 1;
};
Kernel local_response_forward(const Layout& src, const LocalResponse& how);
/// Arguments: src, dst, diff_dst, workspace, diff_src, scratchpad.
Kernel local_response_backward(const Layout& src, const LocalResponse& how);

/// The power of two nearest to s by its logarithm, with the sign of s; 0 for 0.
inline float nearest_power_of_two(float s) {
  constexpr std::uint32_t kAboveRootOfTwo = 0x3504f4;  // the first mantissa whose number is beyond √2
  const auto bits = std::bit_cast<std::uint32_t>(s);
  const std::uint32_t power = ((bits & 0x7fffffff) + (0x800000 - kAboveRootOfTwo)) & 0x7f800000;
  return std::bit_cast<float>((bits & 0x80000000) | power);
}

/// Normalisation over the batch whose factors are powers of two, P(s) = nearest_power_of_two(s): with c = x - mean,
/// variance = mean of c·P(c), y = P(scale)·P(1/sqrt(variance + eps))·c + shift. In training the running mean and
/// variance move towards the batch's by 1 - rho. Arguments: src, scale, shift, mean, variance (running), dst,
/// workspace.
struct ShiftNormalisation {
  float rho = 0.99f, eps = 1e-6f;
};
Kernel shift_norm_forward(const Layout& src, const ShiftNormalisation& how, bool training);
/// Powers of two count as the numbers that they stand for. Arguments: src, diff_dst, scale, workspace, diff_src (may be
/// diff_dst), diff_scale, diff_shift, scratchpad. Without `of_batch` the statistics were given and depend on no src.
Kernel shift_norm_backward(const Layout& src, bool of_batch);

/// dst = src < 0 ? -1 : 1. Arguments: src, dst.
Kernel sign(const Layout& layout);

}  // namespace tensor
