#include <cmath>

#include "tensor/kernels/batch_norm_loops.h"
#include "tensor/operations.h"
#include "tensor/parallel.h"

namespace tensor {
namespace {

/// Per-channel numbers that the forward step leaves for the backward one, `padded_channels` of each. Padding channels
/// hold zeros, which keeps the padding of the activations zero.
enum Saved { kScale, kShift, kMean, kInverse, kB, kC, kSavedCount };

/// Calls visit(thread, offset into the tensor, offset into per-channel arrays) for each example and channel block.
template <class Visit>
void for_each_block(const ChannelOrder& order, int threads, Visit&& visit) {
  for_parts(order.n, threads, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t n = begin; n < end; ++n)
      for (std::int64_t kb = 0; kb < order.blocks; ++kb)
        visit(thread, n - begin, (n * order.blocks + kb) * order.positions * order.block, kb * order.block);
  });
}

/// The statistics of a batch: each thread those of its examples, then joined in thread order. `parts` holds per thread
/// (mean, m2); the result is in the first thread's place.
void find_moments(const float* x, const ChannelOrder& order, int threads, float* parts) {
  const std::int64_t c = order.padded_channels();
  std::fill_n(parts, 2 * c * threads, 0.0f);
  for_each_block(order, threads, [&](int thread, std::int64_t done, std::int64_t at, std::int64_t channel) {
    float* mean = parts + 2 * c * thread + channel;
    add_to_moments(x + at, order.positions, order.block, static_cast<float>(done * order.positions), mean, mean + c);
  });
  const auto numbers_before = [&](int part) {
    const std::int64_t examples = order.n * part / threads;  // whole ones
    return static_cast<float>(examples * order.positions);
  };
  for (int part = 1; part < threads; ++part) {
    const float before = numbers_before(part), count = numbers_before(part + 1) - before;
    if (count == 0) continue;
    const float* mean = parts + 2 * c * part;
    for (std::int64_t i = 0; i < c; ++i) {
      const float delta = mean[i] - parts[i];
      parts[i] += delta * (count / (before + count));
      parts[c + i] += mean[c + i] + delta * delta * (before * count / (before + count));
    }
  }
}

std::size_t channel_bytes(const ChannelOrder& order, std::int64_t arrays) {
  return static_cast<std::size_t>(arrays * order.padded_channels()) * sizeof(float);
}

Layout per_channel(const ChannelOrder& order) { return Layout::row_major(Dtype::f32, {order.channels}); }

class BatchNormForward final : public OwnKernel {
 public:
  BatchNormForward(const Layout& src, const ChannelOrder& order, const Normalisation& how, bool training)
      : OwnKernel("batch normalisation", {{Slot::src, src},
                                          {Slot::scale, per_channel(order)},
                                          {Slot::shift, per_channel(order)},
                                          {Slot::mean, per_channel(order)},
                                          {Slot::variance, per_channel(order)},
                                          {Slot::dst, src},
                                          {Slot::workspace, {}, channel_bytes(order, kSavedCount)}}),
        order_(order),
        how_(how),
        training_(training),
        threads_(threads_for(order.size())) {
    if (training) add({Slot::scratchpad, {}, channel_bytes(order, 2 * threads_)});
  }

  void run(const RunContext&) const override {
    if (!training_) return normalise(at(3), at(4));
    float* parts = at(7);
    find_moments(at(0), order_, threads_, parts);
    const auto count = static_cast<float>(order_.n * order_.positions);
    float *running_mean = at(3), *running_variance = at(4), *variances = parts + order_.padded_channels();
    const float rho = how_.rho;
    for (std::int64_t c = 0; c < order_.channels; ++c) {
      const float variance = variances[c] / count;
      running_mean[c] = rho * running_mean[c] + (1 - rho) * parts[c];
      running_variance[c] = rho * running_variance[c] + (1 - rho) * variance;
      variances[c] = variance;
    }
    normalise(parts, variances);
  }

 private:
  void normalise(const float* mean, const float* variance) const {
    const std::int64_t c = order_.padded_channels();
    float* saved = at(6);
    std::fill_n(saved, kSavedCount * c, 0.0f);
    for (std::int64_t i = 0; i < order_.channels; ++i) {
      const float inverse = 1 / std::sqrt(variance[i] + how_.eps);
      saved[kMean * c + i] = mean[i];
      saved[kInverse * c + i] = inverse;
      saved[kScale * c + i] = at(1)[i] * inverse;
      saved[kShift * c + i] = at(2)[i] - mean[i] * saved[kScale * c + i];
    }
    for_each_block(order_, threads_, [&](int, std::int64_t, std::int64_t i, std::int64_t k) {
      scale_and_shift(at(0) + i, saved + kScale * c + k, saved + kShift * c + k, how_.slope, at(5) + i,
                      order_.positions, order_.block);
    });
  }

  ChannelOrder order_;
  Normalisation how_;
  bool training_;
  int threads_;
};

class BatchNormBackwardSums final : public OwnKernel {
 public:
  BatchNormBackwardSums(const Layout& src, const ChannelOrder& order, const Normalisation& how)
      : OwnKernel("batch normalisation gradients", {{Slot::src, src},
                                                    {Slot::diff_dst, src},
                                                    {Slot::workspace, {}, channel_bytes(order, kSavedCount)},
                                                    {Slot::diff_scale, per_channel(order)},
                                                    {Slot::diff_shift, per_channel(order)}}),
        order_(order),
        slope_(how.slope),
        threads_(threads_for(order.size())) {
    add({Slot::scratchpad, {}, channel_bytes(order, 2 * threads_)});
  }

  void run(const RunContext&) const override {
    const std::int64_t c = order_.padded_channels();
    float *saved = at(2), *parts = at(5);
    std::fill_n(parts, 2 * c * threads_, 0.0f);
    for_each_block(order_, threads_, [&](int thread, std::int64_t, std::int64_t i, std::int64_t k) {
      float* sum_g = parts + 2 * c * thread + k;
      add_gradient_sums(at(0) + i, at(1) + i, saved + kScale * c + k, saved + kShift * c + k, saved + kMean * c + k,
                        slope_, sum_g, sum_g + c, order_.positions, order_.block);
    });
    const auto count = static_cast<float>(order_.n * order_.positions);
    for (std::int64_t i = 0; i < order_.channels; ++i) {
      float sum_g = 0, sum_gx = 0;
      for (int part = 0; part < threads_; ++part) {
        sum_g += parts[2 * c * part + i];
        sum_gx += parts[2 * c * part + c + i];
      }
      const float inverse = saved[kInverse * c + i], scale = saved[kScale * c + i];
      at(3)[i] = sum_gx * inverse;
      at(4)[i] = sum_g;
      // dx = scale·(g - Σg/count - x̂·Σ(g·x̂)/count), written as scale·g + b·x + c.
      const float b = -scale * inverse * inverse * sum_gx / count;
      saved[kB * c + i] = b;
      saved[kC * c + i] = -scale * sum_g / count - b * saved[kMean * c + i];
    }
  }

 private:
  ChannelOrder order_;
  float slope_;
  int threads_;
};

class BatchNormBackwardData final : public OwnKernel {
 public:
  BatchNormBackwardData(const Layout& src, const ChannelOrder& order, const Normalisation& how)
      : OwnKernel("batch normalisation derivative", {{Slot::src, src},
                                                     {Slot::diff_dst, src},
                                                     {Slot::workspace, {}, channel_bytes(order, kSavedCount)},
                                                     {Slot::diff_src, src}}),
        order_(order),
        slope_(how.slope),
        threads_(threads_for(order.size())) {}

  void run(const RunContext&) const override {
    const float* saved = at(2);
    const std::int64_t c = order_.padded_channels();
    for_each_block(order_, threads_, [&](int, std::int64_t, std::int64_t i, std::int64_t k) {
      input_gradient(at(0) + i, at(1) + i, saved + kScale * c + k, saved + kShift * c + k, saved + kB * c + k,
                     saved + kC * c + k, slope_, at(3) + i, order_.positions, order_.block);
    });
  }

 private:
  ChannelOrder order_;
  float slope_;
  int threads_;
};

}  // namespace

Kernel batch_norm_forward(const Layout& src, const Normalisation& how, bool training) {
  return std::make_shared<BatchNormForward>(src, src.feature_order().value(), how, training);
}
Kernel batch_norm_backward_sums(const Layout& src, const Normalisation& how) {
  return std::make_shared<BatchNormBackwardSums>(src, src.feature_order().value(), how);
}
Kernel batch_norm_backward_data(const Layout& src, const Normalisation& how) {
  return std::make_shared<BatchNormBackwardData>(src, src.feature_order().value(), how);
}

}  // namespace tensor
