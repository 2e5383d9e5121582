#include "tensor/channel_slope.h"

#include <algorithm>

#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

NCLOUD_VECTORIZED
void apply(const float* x, const float* slope, float* y, std::int64_t positions, std::int64_t block) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t lane = 0; lane < block; ++lane) {
      const float value = x[p * block + lane], scaled = slope[lane] * value;
      y[p * block + lane] = value > 0 ? value : scaled;
    }
}

/// Of one image's block of channels: dx, and the sums of dy·x over x < 0 added to `sum`.
NCLOUD_VECTORIZED
void differentiate(const float* x, const float* slope, const float* dy, float* dx, float* sum, std::int64_t positions,
                   std::int64_t block) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t lane = 0; lane < block; ++lane) {
      const float value = x[p * block + lane], error = dy[p * block + lane];
      sum[lane] += error * (value < 0 ? value : 0.0f);
      dx[p * block + lane] = error * (value > 0 ? 1.0f : slope[lane]);
    }
}

/// The same where a block is one channel: sums in lanes, which the compiler may not make of one sum.
NCLOUD_VECTORIZED
void differentiate_plane(const float* x, float slope, const float* dy, float* dx, float* sum, std::int64_t positions) {
  float lanes[16] = {};
  const auto one = [&](std::int64_t p, std::int64_t lane) {
    const float value = x[p], error = dy[p];
    lanes[lane] += error * (value < 0 ? value : 0.0f);
    dx[p] = error * (value > 0 ? 1.0f : slope);
  };
  std::int64_t p = 0;
  for (; p + 16 <= positions; p += 16)
    for (std::int64_t lane = 0; lane < 16; ++lane) one(p + lane, lane);
  for (; p < positions; ++p) one(p, 0);
  for (const float lane : lanes) *sum += lane;
}

std::size_t padded_bytes(const ChannelOrder& order) {
  return static_cast<std::size_t>(order.padded_channels()) * sizeof(float);
}

Argument slopes_of(Slot slot, const ChannelOrder& order) {
  return {slot, Layout::row_major(Dtype::f32, {order.channels})};
}

/// Slopes with zeros where channels are padding.
const float* padded(const float* slopes, float* scratch, const ChannelOrder& order) {
  std::fill(std::copy_n(slopes, order.channels, scratch), scratch + order.padded_channels(), 0.0f);
  return scratch;
}

class ChannelSlope final : public OwnKernel {
 public:
  ChannelSlope(const Layout& src, const ChannelOrder& order)
      : OwnKernel("slope by channel", {{Slot::src, src},
                                       slopes_of(Slot::weights, order),
                                       {Slot::dst, src},
                                       {Slot::scratchpad, {}, padded_bytes(order)}}),
        order_(order) {}

  void run(const RunContext&) const override {
    const float* slopes = padded(at(1), at(3), order_);
    const std::int64_t run = order_.positions * order_.block;
    for_parts(order_.n * order_.blocks, threads_for(order_.size()), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i)
        apply(at(0) + i * run, slopes + i % order_.blocks * order_.block, at(2) + i * run, order_.positions,
              order_.block);
    });
  }

 private:
  ChannelOrder order_;
};

class ChannelSlopeBackward final : public OwnKernel {
 public:
  ChannelSlopeBackward(const Layout& src, const ChannelOrder& order)
      : OwnKernel("slope by channel derivative", {{Slot::src, src},
                                                  slopes_of(Slot::weights, order),
                                                  {Slot::diff_dst, src},
                                                  {Slot::diff_src, src},
                                                  slopes_of(Slot::diff_weights, order),
                                                  {Slot::scratchpad, {}, 2 * padded_bytes(order)}}),
        order_(order) {}

  void run(const RunContext&) const override {
    const float* slopes = padded(at(1), at(5), order_);
    float* sums = at(5) + order_.padded_channels();
    std::fill_n(sums, order_.padded_channels(), 0.0f);
    const std::int64_t run = order_.positions * order_.block;
    // Parts of the channels, so that each sum is made by one thread in one order.
    for_parts(order_.blocks, threads_for(order_.size()), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = 0; n < order_.n; ++n)
        for (std::int64_t block = begin; block < end; ++block) {
          const std::int64_t i = (n * order_.blocks + block) * run, c = block * order_.block;
          if (order_.block == 1)
            differentiate_plane(at(0) + i, slopes[c], at(2) + i, at(3) + i, sums + c, order_.positions);
          else
            differentiate(at(0) + i, slopes + c, at(2) + i, at(3) + i, sums + c, order_.positions, order_.block);
        }
    });
    std::copy_n(sums, order_.channels, at(4));
  }

 private:
  ChannelOrder order_;
};

}  // namespace

Kernel channel_slope_forward(const Layout& src) {
  return std::make_shared<ChannelSlope>(src, src.channel_order().value());
}
Kernel channel_slope_backward(const Layout& src) {
  return std::make_shared<ChannelSlopeBackward>(src, src.channel_order().value());
}

}  // namespace tensor
