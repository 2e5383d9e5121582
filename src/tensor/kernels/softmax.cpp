#include "tensor/operations.h"
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

}  // namespace

Kernel softmax_backward(const Layout& dst) { return std::make_shared<SoftmaxBackward>(dst); }

}  // namespace tensor
