#include "tensor/rectified_sum.h"

#include <algorithm>

#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

NCLOUD_VECTORIZED void add_floats(const float* a, const float* b, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] + b[i];
}

NCLOUD_VECTORIZED void rectify(const float* x, float slope, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = x[i] > 0 ? x[i] : slope * x[i];
}

NCLOUD_VECTORIZED void add_and_rectify(const float* a, const float* b, float slope, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float sum = a[i] + b[i];
    to[i] = sum > 0 ? sum : slope * sum;
  }
}

class RectifiedSum final : public OwnKernel {
 public:
  RectifiedSum(const Layout& layout, std::size_t count, float slope)
      : OwnKernel("sum and rectifier", arguments_for(layout, count)), count_(count), slope_(slope) {}

  void run(const RunContext&) const override {
    const auto floats = static_cast<std::int64_t>(arguments_[0].layout.size_bytes() / sizeof(float));
    for_elements(floats, [&](std::int64_t begin, std::int64_t end) {
      // In runs that stay in the nearest cache where there are more than two.
      const std::int64_t run = count_ <= 2 ? end - begin : 2048;
      for (std::int64_t i = begin; i < end; i += run) add_run(i, std::min(run, end - i));
    });
  }

 private:
  void add_run(std::int64_t at_number, std::int64_t n) const {
    float* dst = at(count_) + at_number;
    const float* so_far = at(0) + at_number;
    if (count_ == 1) return rectify(so_far, slope_, dst, n);
    for (std::size_t i = 1; i + 1 < count_; ++i) {
      add_floats(so_far, at(i) + at_number, dst, n);
      so_far = dst;
    }
    add_and_rectify(so_far, at(count_ - 1) + at_number, slope_, dst, n);
  }

  static std::vector<Argument> arguments_for(const Layout& layout, std::size_t count) {
    std::vector<Argument> arguments(count, {Slot::src, layout});
    arguments.push_back({Slot::dst, layout});
    return arguments;
  }
  std::size_t count_;
  float slope_;
};

}  // namespace

Kernel rectified_sum(const Layout& layout, std::size_t count, float slope) {
  return std::make_shared<RectifiedSum>(layout, count, slope);
}

}  // namespace tensor
