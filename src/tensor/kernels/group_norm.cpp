#include <cmath>

#include "tensor/kernels/batch_norm_loops.h"
#include "tensor/normalisation.h"
#include "tensor/parallel.h"

namespace tensor {
namespace {

/// Numbers of each example's channels that the forward step leaves for the backward one. Padding channels hold zeros,
/// which keeps the padding of the activations zero. The last two are scratch.
enum Saved { kScale, kShift, kMean, kInverse, kB, kC, kSavedCount };

/// What both steps walk: the examples, and in each its channel blocks and its groups.
struct Walk {
  ChannelOrder order;
  GroupNormalisation how;
  std::int64_t channels() const { return order.padded_channels(); }
  std::int64_t example() const { return order.blocks * order.positions * order.block; }
  std::int64_t per_group() const { return order.channels / how.groups; }
  int threads() const { return threads_for(order.size()); }
  std::size_t saved_bytes() const {
    return static_cast<std::size_t>(order.n * kSavedCount * channels()) * sizeof(float);
  }

  template <class Visit>
  void for_each_block(const Visit& visit) const {
    for (std::int64_t kb = 0; kb < order.blocks; ++kb) visit(kb * order.positions * order.block, kb * order.block);
  }
};

Layout per_channel(const ChannelOrder& order) { return Layout::row_major(Dtype::f32, {order.channels}); }

class GroupNormForward final : public OwnKernel {
 public:
  GroupNormForward(const Layout& src, const Walk& walk)
      : OwnKernel("group normalisation", {{Slot::src, src},
                                          {Slot::scale, per_channel(walk.order)},
                                          {Slot::shift, per_channel(walk.order)},
                                          {Slot::dst, src},
                                          {Slot::workspace, {}, walk.saved_bytes()}}),
        walk_(walk) {}

  void run(const RunContext&) const override {
    for_parts(walk_.order.n, walk_.threads(), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n) normalise(n);
    });
  }

 private:
  void normalise(std::int64_t n) const {
    const std::int64_t c = walk_.channels();
    const ChannelOrder& order = walk_.order;
    const float* x = at(0) + n * walk_.example();
    float* saved = at(4) + n * kSavedCount * c;
    std::fill_n(saved, kSavedCount * c, 0.0f);
    float *means = saved + kB * c, *squares = saved + kC * c;
    walk_.for_each_block([&](std::int64_t i, std::int64_t k) {
      add_to_moments(x + i, order.positions, order.block, 0, means + k, squares + k);
    });
    const std::int64_t per_group = walk_.per_group();
    for (std::int64_t first = 0; first < order.channels; first += per_group) {
      float mean = 0, square = 0;
      for (std::int64_t k = 0; k < per_group; ++k) mean += means[first + k];
      mean /= static_cast<float>(per_group);
      for (std::int64_t k = 0; k < per_group; ++k) {
        const float delta = means[first + k] - mean;
        square += squares[first + k] + delta * delta * static_cast<float>(order.positions);
      }
      const float variance = square / static_cast<float>(per_group * order.positions);
      const float inverse = 1 / std::sqrt(variance + walk_.how.eps);
      for (std::int64_t k = first; k < first + per_group; ++k) {
        saved[kMean * c + k] = mean;
        saved[kInverse * c + k] = inverse;
        saved[kScale * c + k] = at(1)[k] * inverse;
        saved[kShift * c + k] = at(2)[k] - mean * saved[kScale * c + k];
      }
    }
    walk_.for_each_block([&](std::int64_t i, std::int64_t k) {
      scale_and_shift(x + i, saved + kScale * c + k, saved + kShift * c + k, walk_.how.slope,
                      at(3) + n * walk_.example() + i, order.positions, order.block);
    });
  }

  Walk walk_;
};

class GroupNormBackward final : public OwnKernel {
 public:
  GroupNormBackward(const Layout& src, const Walk& walk)
      : OwnKernel(
            "group normalisation derivative",
            {{Slot::src, src},
             {Slot::diff_dst, src},
             {Slot::scale, per_channel(walk.order)},
             {Slot::workspace, {}, walk.saved_bytes()},
             {Slot::diff_src, src},
             {Slot::diff_scale, per_channel(walk.order)},
             {Slot::diff_shift, per_channel(walk.order)},
             {Slot::scratchpad, {}, static_cast<std::size_t>(2 * walk.channels() * walk.threads()) * sizeof(float)}}),
        walk_(walk) {}

  void run(const RunContext&) const override {
    const std::int64_t c = walk_.channels();
    const int threads = walk_.threads();
    std::fill_n(at(7), 2 * c * threads, 0.0f);
    for_parts(walk_.order.n, threads, [&](std::int64_t begin, std::int64_t end, int thread) {
      for (std::int64_t n = begin; n < end; ++n) differentiate(n, at(7) + 2 * c * thread);
    });
    for (std::int64_t k = 0; k < walk_.order.channels; ++k) {
      at(5)[k] = at(6)[k] = 0;
      for (int part = 0; part < threads; ++part) {
        at(5)[k] += at(7)[2 * c * part + k];
        at(6)[k] += at(7)[2 * c * part + c + k];
      }
    }
  }

 private:
  /// One example; adds its share of the gradients of scale and shift to `sums`.
  void differentiate(std::int64_t n, float* sums) const {
    const std::int64_t c = walk_.channels();
    const ChannelOrder& order = walk_.order;
    const float *x = at(0) + n * walk_.example(), *dy = at(1) + n * walk_.example();
    float* saved = at(3) + n * kSavedCount * c;
    float *sum_g = saved + kB * c, *sum_gx = saved + kC * c;
    std::fill_n(sum_g, c, 0.0f);
    std::fill_n(sum_gx, c, 0.0f);
    walk_.for_each_block([&](std::int64_t i, std::int64_t k) {
      add_gradient_sums(x + i, dy + i, saved + kScale * c + k, saved + kShift * c + k, saved + kMean * c + k,
                        walk_.how.slope, sum_g + k, sum_gx + k, order.positions, order.block);
    });
    const std::int64_t per_group = walk_.per_group();
    const auto count = static_cast<float>(per_group * order.positions);
    for (std::int64_t first = 0; first < order.channels; first += per_group) {
      float all_g = 0, all_gx = 0;
      for (std::int64_t k = first; k < first + per_group; ++k) {
        sums[k] += sum_gx[k] * saved[kInverse * c + k];
        sums[c + k] += sum_g[k];
        all_g += at(2)[k] * sum_g[k];
        all_gx += at(2)[k] * sum_gx[k];
      }
      // dx = inverse·(scale·g - Σ/count - x̂·Σ(·x̂)/count), written as scale·inverse·g + b·x + c.
      const float inverse = saved[kInverse * c + first], mean = saved[kMean * c + first];
      const float b = -inverse * inverse * inverse * all_gx / count;
      for (std::int64_t k = first; k < first + per_group; ++k) {
        saved[kB * c + k] = b;
        saved[kC * c + k] = -inverse * all_g / count - b * mean;
      }
    }
    walk_.for_each_block([&](std::int64_t i, std::int64_t k) {
      input_gradient(x + i, dy + i, saved + kScale * c + k, saved + kShift * c + k, saved + kB * c + k,
                     saved + kC * c + k, walk_.how.slope, at(4) + n * walk_.example() + i, order.positions,
                     order.block);
    });
  }

  Walk walk_;
};

}  // namespace

Kernel group_norm_forward(const Layout& src, const GroupNormalisation& how) {
  return std::make_shared<GroupNormForward>(src, Walk{src.channel_order().value(), how});
}
Kernel group_norm_backward(const Layout& src, const GroupNormalisation& how) {
  return std::make_shared<GroupNormBackward>(src, Walk{src.channel_order().value(), how});
}

}  // namespace tensor
