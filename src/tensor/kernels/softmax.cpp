#include <algorithm>

#include "tensor/operations.h"
#include "tensor/parallel.h"
#include "tensor/vector_math.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

/// dx = y·(dy - Σ dy·y), one row of the Jacobian's product.
NCLOUD_VECTORIZED
void times_jacobian(const float* y, const float* dy, float* dx, std::int64_t count) {
  double sums[4] = {};
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (int lane = 0; lane < 4; ++lane) sums[lane] += static_cast<double>(dy[i + lane]) * y[i + lane];
  for (; i < count; ++i) sums[0] += static_cast<double>(dy[i]) * y[i];
  const auto sum = static_cast<float>((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (i = 0; i < count; ++i) dx[i] = y[i] * (dy[i] - sum);
}

class SoftmaxBackward final : public OwnKernel {
 public:
  explicit SoftmaxBackward(const Layout& dst)
      : OwnKernel("softmax derivative", {{Slot::dst, dst}, {Slot::diff_dst, dst}, {Slot::diff_src, dst}}),
        rows_(dst.shape()[0]),
        columns_(element_count(dst.shape()) / rows_) {}

  void run(const RunContext&) const override {
    for (std::int64_t row = 0; row < rows_; ++row)
      times_jacobian(at(0) + row * columns_, at(1) + row * columns_, at(2) + row * columns_, columns_);
  }

 private:
  std::int64_t rows_, columns_;
};

// --- over channels: of each image (channels, positions), all positions side by side, some at a time

constexpr std::int64_t kTogether = 256;  // positions: their sums lie on the stack

NCLOUD_VECTORIZED
void softmax_of(const float* x, float* y, std::int64_t channels, std::int64_t stride, std::int64_t count) {
  float highest[kTogether], sum[kTogether] = {};
  std::copy_n(x, count, highest);
  for (std::int64_t c = 1; c < channels; ++c)
    for (std::int64_t p = 0; p < count; ++p) highest[p] = std::max(highest[p], x[c * stride + p]);
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t p = 0; p < count; ++p) sum[p] += y[c * stride + p] = exp_quick(x[c * stride + p] - highest[p]);
  for (std::int64_t p = 0; p < count; ++p) sum[p] = 1.0f / sum[p];
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t p = 0; p < count; ++p) y[c * stride + p] *= sum[p];
}

NCLOUD_VECTORIZED
void jacobians_of(const float* y, const float* dy, float* dx, std::int64_t channels, std::int64_t stride,
                  std::int64_t count) {
  float sum[kTogether] = {};
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t p = 0; p < count; ++p) sum[p] += dy[c * stride + p] * y[c * stride + p];
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t p = 0; p < count; ++p) dx[c * stride + p] = y[c * stride + p] * (dy[c * stride + p] - sum[p]);
}

/// The walk over images (n, channels, positions) that both kernels share.
class OverChannels : public OwnKernel {
 protected:
  OverChannels(std::string_view name, std::vector<Argument> arguments, const Shape& maps)
      : OwnKernel(name, std::move(arguments)), n_(maps[0]), channels_(maps[1]), positions_(maps[2]) {}

  /// Calls work(first element, positions) for every run of positions.
  template <class Work>
  void for_runs(const Work& work) const {
    for_parts(n_, threads_for(n_ * channels_ * positions_), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t image = begin; image < end; ++image)
        for (std::int64_t p = 0; p < positions_; p += kTogether)
          work(image * channels_ * positions_ + p, std::min(kTogether, positions_ - p));
    });
  }

  std::int64_t n_, channels_, positions_;
};

class ChannelSoftmax final : public OverChannels {
 public:
  explicit ChannelSoftmax(const Layout& src)
      : OverChannels("softmax over channels", {{Slot::src, src}, {Slot::dst, src}}, src.shape()) {}
  void run(const RunContext&) const override {
    for_runs(
        [&](std::int64_t i, std::int64_t count) { softmax_of(at(0) + i, at(1) + i, channels_, positions_, count); });
  }
};

class ChannelSoftmaxBackward final : public OverChannels {
 public:
  explicit ChannelSoftmaxBackward(const Layout& dst)
      : OverChannels("softmax derivative over channels",
                     {{Slot::dst, dst}, {Slot::diff_dst, dst}, {Slot::diff_src, dst}}, dst.shape()) {}
  void run(const RunContext&) const override {
    for_runs([&](std::int64_t i, std::int64_t count) {
      jacobians_of(at(0) + i, at(1) + i, at(2) + i, channels_, positions_, count);
    });
  }
};

}  // namespace

Kernel channel_softmax_forward(const Layout& src) { return std::make_shared<ChannelSoftmax>(src); }
Kernel channel_softmax_backward(const Layout& dst) { return std::make_shared<ChannelSoftmaxBackward>(dst); }
Kernel softmax_backward(const Layout& dst) { return std::make_shared<SoftmaxBackward>(dst); }

}  // namespace tensor
