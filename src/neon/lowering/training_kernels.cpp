#include "neon/lowering/training_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

using tensor::Slot;

NCLOUD_VECTORIZED
double sum_of_squares(const float* values, std::int64_t count) {
  double lanes[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int l = 0; l < 8; ++l) lanes[l] += static_cast<double>(values[i + l]) * values[i + l];
  double sum = 0;
  for (; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
  for (const double lane : lanes) sum += lane;
  return sum;
}

std::int64_t floats_in(const tensor::Layout& layout) {
  return static_cast<std::int64_t>(layout.size_bytes() / sizeof(float));
}

class CostKernel final : public tensor::OwnKernel {
 public:
  CostKernel(std::shared_ptr<const Cost> cost, const tensor::Layout& rows, bool takes_shortcut)
      : OwnKernel("cost", {{Slot::src, rows}, {Slot::target, rows}, {Slot::diff_src, rows}, {Slot::result, {}}}),
        cost_(std::move(cost)),
        takes_shortcut_(takes_shortcut) {}

  void run(const tensor::RunContext&) const override {
    const tensor::Shape& shape = arguments_[0].layout.shape();
    const auto count = static_cast<std::size_t>(shape[0] * shape[1]);
    const std::span<const float> y(at(0), count), t(at(1), count);
    const std::span<float> dy(at(2), count);
    *at<double>(3) = cost_->value(y, t, shape[0], shape[1]);
    takes_shortcut_ ? cost_->gradient(y, t, dy, shape[0], shape[1])
                    : cost_->true_gradient(y, t, dy, shape[0], shape[1]);
  }

 private:
  std::shared_ptr<const Cost> cost_;
  bool takes_shortcut_;
};

NCLOUD_VECTORIZED void multiply(const float* a, const float* b, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = a[i] * b[i];
}

/// The value is that of y·mask and t·mask, the gradient that of y and t, times the mask.
class MaskedCostKernel final : public tensor::OwnKernel {
 public:
  MaskedCostKernel(std::shared_ptr<const Cost> cost, const tensor::Layout& rows, bool takes_shortcut)
      : OwnKernel("masked cost", {{Slot::src, rows},
                                  {Slot::target, rows},
                                  {Slot::target, rows},
                                  {Slot::diff_src, rows},
                                  {Slot::result, {}},
                                  {Slot::scratchpad, {}, 2 * rows.size_bytes()}}),
        cost_(std::move(cost)),
        takes_shortcut_(takes_shortcut) {}

  void run(const tensor::RunContext&) const override {
    const tensor::Shape& shape = arguments_[0].layout.shape();
    const auto count = static_cast<std::size_t>(shape[0] * shape[1]);
    const std::span<const float> y(at(0), count), t(at(1), count), mask(at(2), count);
    const std::span<float> dy(at(3), count), masked_y(at(5), count), masked_t(at(5) + count, count);
    mask_numbers(y, mask, masked_y);
    mask_numbers(t, mask, masked_t);
    *at<double>(4) = cost_->value(masked_y, masked_t, shape[0], shape[1]);
    takes_shortcut_ ? cost_->gradient(y, t, dy, shape[0], shape[1])
                    : cost_->true_gradient(y, t, dy, shape[0], shape[1]);
    mask_numbers(dy, mask, dy);
  }

 private:
  std::shared_ptr<const Cost> cost_;
  bool takes_shortcut_;
};

NCLOUD_VECTORIZED void add_to(float* __restrict sum, const float* __restrict values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += values[i];
}

class GradientSumKernel final : public tensor::OwnKernel {
 public:
  explicit GradientSumKernel(const tensor::Layout& layout)
      : OwnKernel("sum of gradients", {{Slot::diff_weights, layout}, {Slot::state, layout}}) {}

  void run(const tensor::RunContext& context) const override {
    tensor::for_elements(floats_in(arguments_[0].layout), [&](std::int64_t begin, std::int64_t end) {
      context.begins_sum ? void(std::copy_n(at(0) + begin, end - begin, at(1) + begin))
                         : add_to(at(1) + begin, at(0) + begin, end - begin);
    });
  }
};

NCLOUD_VECTORIZED void move_mean(float* __restrict mean, const float* __restrict values, std::int64_t count,
                                 float share) {
  for (std::int64_t i = 0; i < count; ++i) mean[i] += share * (values[i] - mean[i]);
}

class AverageKernel final : public tensor::OwnKernel {
 public:
  AverageKernel(double decay, const tensor::Layout& layout)
      : OwnKernel("average", {{Slot::weights, layout}, {Slot::state, layout}}), decay_(decay) {}

  void run(const tensor::RunContext& context) const override {
    if (!context.updates) return;
    const double gathered = 1 - std::pow(decay_, static_cast<double>(context.update));
    const auto share = static_cast<float>((1 - decay_) / gathered);
    tensor::for_elements(floats_in(arguments_[0].layout), [&](std::int64_t begin, std::int64_t end) {
      context.update == 1 ? void(std::copy_n(at(0) + begin, end - begin, at(1) + begin))
                          : move_mean(at(1) + begin, at(0) + begin, end - begin, share);
    });
  }

 private:
  double decay_;
};

class NormKernel final : public tensor::OwnKernel {
 public:
  NormKernel(double limit, std::span<const tensor::Layout> gradients)
      : OwnKernel("norm of the gradients", {{Slot::result, {}}}), limit_(limit) {
    for (const tensor::Layout& gradient : gradients) add({Slot::diff_weights, gradient});
  }

  void run(const tensor::RunContext& context) const override {
    if (!context.updates) return;
    double sum = 0;
    for (std::size_t i = 1; i < arguments_.size(); ++i) sum += sum_of_squares(at(i), floats_in(arguments_[i].layout));
    const double norm = std::sqrt(sum) / static_cast<double>(context.batch_size);
    *at<double>(0) = limit_ / std::max(norm, limit_);
  }

 private:
  double limit_;
};

class UpdateKernel final : public tensor::OwnKernel {
 public:
  UpdateKernel(const Optimizer& rule, const tensor::Layout& layout, std::size_t states, bool clips)
      : OwnKernel("update", {{Slot::weights, layout}, {Slot::diff_weights, layout}}),
        rule_(rule),
        states_(states),
        clips_(clips) {
    for (std::size_t i = 0; i < states; ++i) add({Slot::state, layout});
    if (clips) add({Slot::result, {}});
  }

  void run(const tensor::RunContext& context) const override {
    if (!context.updates) return;
    StepScalars scalars{context.epoch, context.update, context.batch_size, 1};
    if (clips_) scalars.norm_scale = *at<double>(2 + states_);
    const auto update = [&](std::int64_t begin, std::int64_t end) {
      const auto length = static_cast<std::size_t>(end - begin);
      std::array<float*, kMaximumStates> states{};
      for (std::size_t i = 0; i < states_; ++i) states[i] = at(2 + i) + begin;
      rule_.update({at(0) + begin, length}, {at(1) + begin, length}, {states.data(), states_}, scalars);
    };
    const std::int64_t count = floats_in(arguments_[0].layout);
    rule_.takes_whole_parameter() ? update(0, count) : tensor::for_elements(count, update);
  }

 private:
  const Optimizer& rule_;
  std::size_t states_;
  bool clips_;
};

}  // namespace

tensor::Kernel cost_kernel(std::shared_ptr<const Cost> cost, const tensor::Shape& rows, bool takes_shortcut,
                           bool masked) {
  const auto layout = tensor::Layout::row_major(tensor::Dtype::f32, rows);
  if (masked) return std::make_shared<MaskedCostKernel>(std::move(cost), layout, takes_shortcut);
  return std::make_shared<CostKernel>(std::move(cost), layout, takes_shortcut);
}

void mask_numbers(std::span<const float> values, std::span<const float> mask, std::span<float> out) {
  multiply(values.data(), mask.data(), out.data(), out.size());
}

tensor::Kernel gradient_sum_kernel(const tensor::Layout& layout) { return std::make_shared<GradientSumKernel>(layout); }

tensor::Kernel average_kernel(double decay, const tensor::Layout& layout) {
  return std::make_shared<AverageKernel>(decay, layout);
}

tensor::Kernel norm_kernel(double limit, std::span<const tensor::Layout> gradients) {
  return std::make_shared<NormKernel>(limit, gradients);
}

tensor::Kernel update_kernel(const Optimizer& rule, const tensor::Layout& layout, std::size_t states, bool clips) {
  return std::make_shared<UpdateKernel>(rule, layout, states, clips);
}

}  // namespace neon
