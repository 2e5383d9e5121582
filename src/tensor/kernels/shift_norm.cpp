#include <cmath>

#include "tensor/normalisation.h"
#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

/// What the forward step leaves for the backward one, `padded_channels` of each; and two sums.
enum Saved { kMean, kInverse, kSumA, kSumB, kSavedCount };

// The loops run along the channels of a block, at one position of one example.

NCLOUD_VECTORIZED void add_floats(const float* x, float* sum, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += x[i];
}
NCLOUD_VECTORIZED void add_shifted_square(const float* x, const float* mean, float* sum, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float centred = x[i] - mean[i];
    sum[i] += centred * nearest_power_of_two(centred);
  }
}
NCLOUD_VECTORIZED void normalise(const float* x, const float* mean, const float* factor, const float* shift, float* y,
                                 std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = (x[i] - mean[i]) * factor[i] + shift[i];
}
NCLOUD_VECTORIZED void add_sums(const float* x, const float* dy, const float* mean, const float* inverse, float* sum_gx,
                                float* sum_g, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    sum_gx[i] += (x[i] - mean[i]) * inverse[i] * dy[i];
    sum_g[i] += dy[i];
  }
}
NCLOUD_VECTORIZED void differentiate(const float* x, const float* dy, const float* mean, const float* inverse,
                                     const float* factor, const float* shifted, const float* part, float* dx,
                                     std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i)
    dx[i] = factor[i] * (dy[i] - (x[i] - mean[i]) * inverse[i] * shifted[i] - part[i]);
}

Layout per_channel(const ChannelOrder& order) { return Layout::row_major(Dtype::f32, {order.channels}); }

std::size_t bytes(const ChannelOrder& order) {
  return static_cast<std::size_t>(kSavedCount * order.padded_channels()) * sizeof(float);
}

/// Calls visit(place, channel) for each position of each example in each channel block; a thread has whole blocks, so
/// that sums need no joining.
template <class Visit>
void for_each_position(const ChannelOrder& order, std::int64_t first_block, std::int64_t end_block,
                       const Visit& visit) {
  for (std::int64_t n = 0; n < order.n; ++n)
    for (std::int64_t kb = first_block; kb < end_block; ++kb)
      for (std::int64_t p = 0; p < order.positions; ++p)
        visit(((n * order.blocks + kb) * order.positions + p) * order.block, kb * order.block);
}

template <class Work>
void for_blocks(const ChannelOrder& order, const Work& work) {
  for_parts(order.blocks, threads_for(order.size()), [&](std::int64_t begin, std::int64_t end, int) {
    if (begin < end) work(begin, end);
  });
}

class ShiftNormForward final : public OwnKernel {
 public:
  ShiftNormForward(const Layout& src, const ShiftNormalisation& how, bool training)
      : OwnKernel("shift normalisation", {{Slot::src, src},
                                          {Slot::scale, per_channel(src.feature_order().value())},
                                          {Slot::shift, per_channel(src.feature_order().value())},
                                          {Slot::mean, per_channel(src.feature_order().value())},
                                          {Slot::variance, per_channel(src.feature_order().value())},
                                          {Slot::dst, src},
                                          {Slot::workspace, {}, bytes(src.feature_order().value())}}),
        order_(src.feature_order().value()),
        how_(how),
        training_(training) {}

  void run(const RunContext&) const override {
    std::fill_n(at(6), kSavedCount * order_.padded_channels(), 0.0f);
    for_blocks(order_, [&](std::int64_t begin, std::int64_t end) { normalise_blocks(begin, end); });
  }

 private:
  void normalise_blocks(std::int64_t begin, std::int64_t end) const {
    const std::int64_t c = order_.padded_channels(), block = order_.block;
    float *mean = at(6) + kMean * c, *inverse = at(6) + kInverse * c;
    float *factor = at(6) + kSumA * c, *shift = at(6) + kSumB * c;
    const auto count = static_cast<float>(order_.n * order_.positions);
    const std::int64_t last = std::min(end * block, order_.channels);
    if (training_) {
      for_each_position(order_, begin, end,
                        [&](std::int64_t i, std::int64_t k) { add_floats(at(0) + i, mean + k, block); });
      for (std::int64_t k = begin * block; k < last; ++k) mean[k] /= count;
      for_each_position(order_, begin, end, [&](std::int64_t i, std::int64_t k) {
        add_shifted_square(at(0) + i, mean + k, inverse + k, block);
      });
    }
    for (std::int64_t k = begin * block; k < last; ++k) {
      if (training_) {
        at(3)[k] = how_.rho * at(3)[k] + (1 - how_.rho) * mean[k];
        at(4)[k] = how_.rho * at(4)[k] + (1 - how_.rho) * inverse[k] / count;
      } else {
        mean[k] = at(3)[k];
      }
      const float variance = training_ ? inverse[k] / count : at(4)[k];
      inverse[k] = nearest_power_of_two(1 / std::sqrt(variance + how_.eps));
      factor[k] = nearest_power_of_two(at(1)[k]) * inverse[k];
      shift[k] = at(2)[k];
    }
    for_each_position(order_, begin, end, [&](std::int64_t i, std::int64_t k) {
      normalise(at(0) + i, mean + k, factor + k, shift + k, at(5) + i, block);
    });
  }

  ChannelOrder order_;
  ShiftNormalisation how_;
  bool training_;
};

class ShiftNormBackward final : public OwnKernel {
 public:
  ShiftNormBackward(const Layout& src, bool of_batch)
      : OwnKernel(
            "shift normalisation derivative",
            {{Slot::src, src},
             {Slot::diff_dst, src},
             {Slot::scale, per_channel(src.feature_order().value())},
             {Slot::workspace, {}, bytes(src.feature_order().value())},
             {Slot::diff_src, src},
             {Slot::diff_scale, per_channel(src.feature_order().value())},
             {Slot::diff_shift, per_channel(src.feature_order().value())},
             {Slot::scratchpad, {}, static_cast<std::size_t>(src.feature_order()->padded_channels()) * sizeof(float)}}),
        order_(src.feature_order().value()),
        of_batch_(of_batch) {}

  void run(const RunContext&) const override {
    for_blocks(order_, [&](std::int64_t begin, std::int64_t end) { differentiate_blocks(begin, end); });
  }

 private:
  void differentiate_blocks(std::int64_t begin, std::int64_t end) const {
    const std::int64_t c = order_.padded_channels(), block = order_.block;
    const float *mean = at(3) + kMean * c, *inverse = at(3) + kInverse * c;
    float *sum_gx = at(3) + kSumA * c, *sum_g = at(3) + kSumB * c, *factor = at(7);
    const auto count = static_cast<float>(order_.n * order_.positions);
    for (std::int64_t k = begin * block; k < end * block; ++k) sum_gx[k] = sum_g[k] = factor[k] = 0;
    for_each_position(order_, begin, end, [&](std::int64_t i, std::int64_t k) {
      add_sums(at(0) + i, at(1) + i, mean + k, inverse + k, sum_gx + k, sum_g + k, block);
    });
    for (std::int64_t k = begin * block; k < std::min(end * block, order_.channels); ++k) {
      at(5)[k] = sum_gx[k];
      at(6)[k] = sum_g[k];
      factor[k] = nearest_power_of_two(at(2)[k]) * inverse[k];
      sum_gx[k] = of_batch_ ? sum_gx[k] / count : 0;
      sum_g[k] = of_batch_ ? sum_g[k] / count : 0;
    }
    for_each_position(order_, begin, end, [&](std::int64_t i, std::int64_t k) {
      differentiate(at(0) + i, at(1) + i, mean + k, inverse + k, factor + k, sum_gx + k, sum_g + k, at(4) + i, block);
    });
  }

  ChannelOrder order_;
  bool of_batch_;
};

NCLOUD_VECTORIZED void signs(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] < 0 ? -1.0f : 1.0f;
}

class Sign final : public OwnKernel {
 public:
  explicit Sign(const Layout& layout) : OwnKernel("sign", {{Slot::src, layout}, {Slot::dst, layout}}) {}
  void run(const RunContext&) const override {
    for_elements(static_cast<std::int64_t>(arguments_[0].layout.size_bytes() / sizeof(float)),
                 [&](std::int64_t begin, std::int64_t end) { signs(at(0) + begin, at(1) + begin, end - begin); });
  }
};

}  // namespace

Kernel shift_norm_forward(const Layout& src, const ShiftNormalisation& how, bool training) {
  return std::make_shared<ShiftNormForward>(src, how, training);
}
Kernel shift_norm_backward(const Layout& src, bool of_batch) {
  return std::make_shared<ShiftNormBackward>(src, of_batch);
}
Kernel sign(const Layout& layout) { return std::make_shared<Sign>(layout); }

}  // namespace tensor
