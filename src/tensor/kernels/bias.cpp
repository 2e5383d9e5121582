#include <algorithm>

#include "tensor/operations.h"
#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

NCLOUD_VECTORIZED
void add_bias(const float* x, const float* bias, float* y, std::int64_t positions, std::int64_t block) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t lane = 0; lane < block; ++lane) y[p * block + lane] = x[p * block + lane] + bias[lane];
}

NCLOUD_VECTORIZED
void sum_positions(const float* dy, float* sum, std::int64_t positions, std::int64_t block) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t lane = 0; lane < block; ++lane) sum[lane] += dy[p * block + lane];
}

/// A bias that no layer before it absorbed.
std::size_t bytes_of(const ChannelOrder& order) {
  return static_cast<std::size_t>(order.padded_channels()) * sizeof(float);
}

class BiasForward final : public OwnKernel {
 public:
  explicit BiasForward(const Layout& src, const ChannelOrder& order)
      : OwnKernel("bias", {{Slot::src, src},
                           {Slot::bias, Layout::row_major(Dtype::f32, {order.channels})},
                           {Slot::dst, src},
                           {Slot::scratchpad, {}, bytes_of(order)}}),
        order_(order) {}

  void run(const RunContext&) const override {
    float* bias = at(3);
    std::fill_n(bias, order_.padded_channels(), 0.0f);
    std::copy_n(at(1), order_.channels, bias);
    const std::int64_t image = order_.blocks * order_.positions * order_.block;
    for_parts(order_.n, threads_for(order_.size()), [&](std::int64_t begin, std::int64_t end, int) {
      const std::int64_t step = order_.positions * order_.block;
      for (std::int64_t i = begin * image, kb = 0; i < end * image; i += step, kb = (kb + 1) % order_.blocks)
        add_bias(at(0) + i, bias + kb * order_.block, at(2) + i, order_.positions, order_.block);
    });
  }

 private:
  ChannelOrder order_;
};

class BiasBackward final : public OwnKernel {
 public:
  BiasBackward(const Layout& diff_dst, const ChannelOrder& order)
      : OwnKernel("bias gradient", {{Slot::diff_dst, diff_dst},
                                    {Slot::diff_bias, Layout::row_major(Dtype::f32, {order.channels})},
                                    {Slot::scratchpad, {}, bytes_of(order)}}),
        order_(order) {}

  void run(const RunContext&) const override {
    float* sums = at(2);
    std::fill_n(sums, order_.padded_channels(), 0.0f);
    // Parts of the channels, so that each sum is made by one thread in one order.
    for_parts(order_.blocks, threads_for(order_.size()), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = 0; n < order_.n; ++n)
        for (std::int64_t kb = begin; kb < end; ++kb)
          sum_positions(at(0) + (n * order_.blocks + kb) * order_.positions * order_.block, sums + kb * order_.block,
                        order_.positions, order_.block);
    });
    std::copy_n(sums, order_.channels, at(1));
  }

 private:
  ChannelOrder order_;
};

}  // namespace

Kernel bias_forward(const Layout& src) { return std::make_shared<BiasForward>(src, src.feature_order().value()); }
Kernel bias_backward(const Layout& diff_dst) {
  return std::make_shared<BiasBackward>(diff_dst, diff_dst.feature_order().value());
}

}  // namespace tensor
