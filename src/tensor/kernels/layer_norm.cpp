#include <cmath>

#include "tensor/normalisation.h"
#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

constexpr std::int64_t kLanes = 16;

/// Sums of a row in as many parts as a vector has lanes: the compiler does not reorder additions by itself.
NCLOUD_VECTORIZED float sum_of(const float* x, std::int64_t count) {
  float lanes[kLanes] = {}, sum = 0;
  const std::int64_t whole = count / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes)
    for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] += x[i + l];
  for (std::int64_t i = whole; i < count; ++i) sum += x[i];
  for (std::int64_t l = 0; l < kLanes; ++l) sum += lanes[l];
  return sum;
}

NCLOUD_VECTORIZED float squares_around(const float* x, float mean, std::int64_t count) {
  float lanes[kLanes] = {}, sum = 0;
  const std::int64_t whole = count / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes)
    for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] += (x[i + l] - mean) * (x[i + l] - mean);
  for (std::int64_t i = whole; i < count; ++i) sum += (x[i] - mean) * (x[i] - mean);
  for (std::int64_t l = 0; l < kLanes; ++l) sum += lanes[l];
  return sum;
}

NCLOUD_VECTORIZED void row_forward(const float* x, const float* scale, const float* shift, float mean, float inverse,
                                   float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = (x[i] - mean) * inverse * scale[i] + shift[i];
}

/// Σ g and Σ g·(x - mean) with g = dy·scale; and each feature's share of the gradients of scale and shift.
NCLOUD_VECTORIZED void row_sums(const float* x, const float* dy, const float* scale, float mean, float inverse,
                                float* diff_scale, float* diff_shift, std::int64_t count, float* sum_g, float* sum_gx) {
  float g_lanes[kLanes] = {}, gx_lanes[kLanes] = {};
  const std::int64_t whole = count / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes)
    for (std::int64_t l = 0; l < kLanes; ++l) {
      const float g = dy[i + l] * scale[i + l], centred = x[i + l] - mean;
      g_lanes[l] += g;
      gx_lanes[l] += g * centred;
      diff_scale[i + l] += dy[i + l] * centred * inverse;
      diff_shift[i + l] += dy[i + l];
    }
  *sum_g = *sum_gx = 0;
  for (std::int64_t i = whole; i < count; ++i) {
    const float g = dy[i] * scale[i], centred = x[i] - mean;
    *sum_g += g;
    *sum_gx += g * centred;
    diff_scale[i] += dy[i] * centred * inverse;
    diff_shift[i] += dy[i];
  }
  for (std::int64_t l = 0; l < kLanes; ++l) {
    *sum_g += g_lanes[l];
    *sum_gx += gx_lanes[l];
  }
}

/// dx = inverse·(dy·scale - a) - b·(x - mean).
NCLOUD_VECTORIZED void row_backward(const float* x, const float* dy, const float* scale, float mean, float inverse,
                                    float a, float b, float* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = inverse * (dy[i] * scale[i] - a) - b * (x[i] - mean);
}

NCLOUD_VECTORIZED void add_floats(const float* x, float* sum, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += x[i];
}

/// The examples, and how many numbers each has.
struct Rows {
  std::int64_t n, features;
  explicit Rows(const Layout& src) : n(src.shape()[0]), features(element_count(src.shape()) / n) {}
  int threads() const { return threads_for(n * features); }
  Layout per_feature() const { return Layout::row_major(Dtype::f32, {features}); }
  std::size_t saved_bytes() const { return static_cast<std::size_t>(2 * n) * sizeof(float); }
};

/// Leaves mean and 1/deviation of each example.
class LayerNormForward final : public OwnKernel {
 public:
  LayerNormForward(const Layout& src, const Rows& rows, float eps)
      : OwnKernel("layer normalisation", {{Slot::src, src},
                                          {Slot::scale, rows.per_feature()},
                                          {Slot::shift, rows.per_feature()},
                                          {Slot::dst, src},
                                          {Slot::workspace, {}, rows.saved_bytes()}}),
        rows_(rows),
        eps_(eps) {}

  void run(const RunContext&) const override {
    const auto count = static_cast<float>(rows_.features);
    for_parts(rows_.n, rows_.threads(), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n) {
        const float* x = at(0) + n * rows_.features;
        const float mean = sum_of(x, rows_.features) / count;
        const float inverse = 1 / std::sqrt(squares_around(x, mean, rows_.features) / count + eps_);
        row_forward(x, at(1), at(2), mean, inverse, at(3) + n * rows_.features, rows_.features);
        at(4)[2 * n] = mean;
        at(4)[2 * n + 1] = inverse;
      }
    });
  }

 private:
  Rows rows_;
  float eps_;
};

class LayerNormBackward final : public OwnKernel {
 public:
  LayerNormBackward(const Layout& src, const Rows& rows)
      : OwnKernel(
            "layer normalisation derivative",
            {{Slot::src, src},
             {Slot::diff_dst, src},
             {Slot::scale, rows.per_feature()},
             {Slot::workspace, {}, rows.saved_bytes()},
             {Slot::diff_src, src},
             {Slot::diff_scale, rows.per_feature()},
             {Slot::diff_shift, rows.per_feature()},
             {Slot::scratchpad, {}, static_cast<std::size_t>(2 * rows.features * rows.threads()) * sizeof(float)}}),
        rows_(rows) {}

  void run(const RunContext&) const override {
    const int threads = rows_.threads();
    const std::int64_t each = 2 * rows_.features;
    std::fill_n(at(7), each * threads, 0.0f);
    for_parts(rows_.n, threads, [&](std::int64_t begin, std::int64_t end, int thread) {
      for (std::int64_t n = begin; n < end; ++n) differentiate(n, at(7) + each * thread);
    });
    for (int part = 1; part < threads; ++part) add_floats(at(7) + each * part, at(7), each);
    std::copy_n(at(7), rows_.features, at(5));
    std::copy_n(at(7) + rows_.features, rows_.features, at(6));
  }

 private:
  /// One example; adds its share of the gradients of scale and shift to `sums`.
  void differentiate(std::int64_t n, float* sums) const {
    const float *x = at(0) + n * rows_.features, *dy = at(1) + n * rows_.features;
    const float mean = at(3)[2 * n], inverse = at(3)[2 * n + 1];
    float sum_g = 0, sum_gx = 0;
    row_sums(x, dy, at(2), mean, inverse, sums, sums + rows_.features, rows_.features, &sum_g, &sum_gx);
    const auto count = static_cast<float>(rows_.features);
    row_backward(x, dy, at(2), mean, inverse, sum_g / count, inverse * inverse * inverse * sum_gx / count,
                 at(4) + n * rows_.features, rows_.features);
  }

  Rows rows_;
};

}  // namespace

Kernel layer_norm_forward(const Layout& src, float eps) {
  return std::make_shared<LayerNormForward>(src, Rows(src), eps);
}
Kernel layer_norm_backward(const Layout& src) { return std::make_shared<LayerNormBackward>(src, Rows(src)); }

}  // namespace tensor
