#include "neon/lowering/training_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
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

NCLOUD_VECTORIZED void multiply(const float* a, const float* b, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = a[i] * b[i];
}

/// Under a mask the value is that of y·mask and t·mask, the gradient that of y and t, times the mask. Of sequences with
/// lengths the real rows are gathered first.
class CostKernel final : public tensor::OwnKernel {
 public:
  CostKernel(std::shared_ptr<const Cost> cost, const tensor::Layout& rows, const CostKernelOptions& how)
      : OwnKernel("cost", {{Slot::src, rows}, {Slot::target, rows}, {Slot::diff_src, rows}, {Slot::result, {}}}),
        cost_(std::move(cost)),
        how_(how),
        rows_(rows.shape()[0]),
        columns_(rows.shape()[1]) {
    const std::size_t copies = (how.masked ? 2 : 0) + (how.has_lengths ? 4 : 0);
    if (copies > 0) room_ = add_one({Slot::scratchpad, {}, copies * rows.size_bytes()});
    if (how.masked) mask_ = add_one({Slot::target, rows});
    if (how.has_lengths) lengths_ = add_one({Slot::src, tensor::Layout::row_major(tensor::Dtype::i32, {how.examples})});
  }

  void run(const tensor::RunContext&) const override {
    Rows all{rows_, at(0), at(1), how_.masked ? at(mask_) : nullptr, at(2)};
    if (!how_.has_lengths) {
      *at<double>(3) = cost_of(all);
      return;
    }
    const Rows real = gathered(all);
    *at<double>(3) = real.count > 0 ? cost_of(real) : 0;
    scatter(real, all);
  }

 private:
  struct Rows {
    std::int64_t count = 0;
    float *y, *t, *mask, *dy;
  };

  double cost_of(const Rows& rows) const {
    const auto count = static_cast<std::size_t>(rows.count * columns_);
    const std::span<const float> y(rows.y, count), t(rows.t, count);
    const std::span<float> dy(rows.dy, count);
    double value = 0;
    if (rows.mask != nullptr) {
      const std::span<float> masked_y(at(room_), count), masked_t(at(room_) + count, count);
      mask_numbers(y, {rows.mask, count}, masked_y);
      mask_numbers(t, {rows.mask, count}, masked_t);
      value = cost_->value(masked_y, masked_t, rows.count, columns_);
    } else {
      value = cost_->value(y, t, rows.count, columns_);
    }
    how_.takes_shortcut ? cost_->gradient(y, t, dy, rows.count, columns_)
                        : cost_->true_gradient(y, t, dy, rows.count, columns_);
    if (rows.mask != nullptr) mask_numbers(dy, {rows.mask, count}, dy);
    return value;
  }

  /// Calls visit(row) for the real rows, which are in the order of time.
  template <class Visit>
  void for_each_real(const Visit& visit) const {
    const auto* lengths = at<const std::int32_t>(lengths_);
    for (std::int64_t row = 0; row < rows_; ++row)
      if (row / how_.examples < lengths[row % how_.examples]) visit(row);
  }

  Rows gathered(const Rows& all) const {
    const std::int64_t size = rows_ * columns_;
    float* room = at(room_) + (how_.masked ? 2 * size : 0);
    Rows real{0, room, room + size, how_.masked ? room + 2 * size : nullptr, room + 3 * size};
    for_each_real([&](std::int64_t row) {
      const auto take = [&](const float* from, float* to) {
        std::copy_n(from + row * columns_, columns_, to + real.count * columns_);
      };
      take(all.y, real.y);
      take(all.t, real.t);
      if (how_.masked) take(all.mask, real.mask);
      ++real.count;
    });
    return real;
  }
  void scatter(const Rows& real, const Rows& all) const {
    std::fill_n(all.dy, rows_ * columns_, 0.0f);
    const float* from = real.dy;
    for_each_real([&](std::int64_t row) {
      std::copy_n(from, columns_, all.dy + row * columns_);
      from += columns_;
    });
  }

  std::size_t add_one(tensor::Argument argument) {
    add(std::move(argument));
    return arguments_.size() - 1;
  }

  std::shared_ptr<const Cost> cost_;
  CostKernelOptions how_;
  std::int64_t rows_, columns_;
  std::size_t room_ = 0, mask_ = 0, lengths_ = 0;  ///< arguments
};

/// Steps in the order of time and the same example by example.
class SequenceCostKernel final : public tensor::OwnKernel {
 public:
  SequenceCostKernel(std::shared_ptr<const Cost> cost, const tensor::Layout& rows, const CostKernelOptions& how)
      : OwnKernel("cost of sequences",
                  {{Slot::src, rows},
                   {Slot::target, rows},
                   {Slot::diff_src, rows},
                   {Slot::result, {}},
                   {Slot::scratchpad, {}, 2 * rows.size_bytes()},
                   {Slot::scratchpad, {}, static_cast<std::size_t>(how.examples) * sizeof(double)}}),
        cost_(std::move(cost)),
        how_(how),
        steps_(rows.shape()[0] / how.examples),
        columns_(rows.shape()[1]) {
    if (how.has_lengths) add({Slot::src, tensor::Layout::row_major(tensor::Dtype::i32, {how.examples})});
  }

  void run(const tensor::RunContext&) const override {
    const std::int64_t size = how_.examples * steps_ * columns_;
    float *y = at(4), *dy = y + size;
    for_each_row(
        [&](std::int64_t in_time, std::int64_t by_example) { std::copy_n(at(0) + in_time, columns_, y + by_example); });
    const Sequences sequences{
        how_.examples, steps_, columns_, y, at(1), how_.has_lengths ? at<std::int32_t>(6) : nullptr, dy};
    *at<double>(3) = sequences_cost(*cost_, sequences, how_.takes_shortcut,
                                    {at<double>(5), static_cast<std::size_t>(how_.examples)});
    for_each_row([&](std::int64_t in_time, std::int64_t by_example) {
      std::copy_n(dy + by_example, columns_, at(2) + in_time);
    });
  }

 private:
  template <class Visit>
  void for_each_row(const Visit& visit) const {
    for (std::int64_t step = 0; step < steps_; ++step)
      for (std::int64_t example = 0; example < how_.examples; ++example)
        visit((step * how_.examples + example) * columns_, (example * steps_ + step) * columns_);
  }

  std::shared_ptr<const Cost> cost_;
  CostKernelOptions how_;
  std::int64_t steps_, columns_;
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

NCLOUD_VECTORIZED void clamp(float* values, std::int64_t count, float bound) {
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] = values[i] < -bound ? -bound : values[i];
    values[i] = bound < values[i] ? bound : values[i];
  }
}

class ClampKernel final : public tensor::OwnKernel {
 public:
  ClampKernel(const tensor::Layout& layout, double bound)
      : OwnKernel("clamp", {{Slot::weights, layout}}), bound_(static_cast<float>(bound)) {}

  void run(const tensor::RunContext&) const override {
    tensor::for_elements(floats_in(arguments_[0].layout),
                         [&](std::int64_t begin, std::int64_t end) { clamp(at(0) + begin, end - begin, bound_); });
  }

 private:
  float bound_;
};

}  // namespace

tensor::Kernel cost_kernel(std::shared_ptr<const Cost> cost, const tensor::Shape& rows, const CostKernelOptions& how) {
  const auto layout = tensor::Layout::row_major(tensor::Dtype::f32, rows);
  if (cost->compares_sequences()) return std::make_shared<SequenceCostKernel>(std::move(cost), layout, how);
  return std::make_shared<CostKernel>(std::move(cost), layout, how);
}

double sequences_cost(const Cost& cost, const Sequences& s, bool takes_shortcut, std::span<double> each) {
  const std::int64_t size = s.steps * s.columns;
  const auto real_steps = [&](std::int64_t example) { return s.lengths == nullptr ? s.steps : s.lengths[example]; };
  const auto target = [&](std::int64_t example) {
    return std::span(s.t + example * size, static_cast<std::size_t>(size));
  };
  for (std::int64_t example = 0; example < s.examples; ++example)
    if (const auto needed = cost.steps_needed(target(example), s.columns); needed > real_steps(example))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("example {} of the batch has a target that needs {} time steps, but its sequence "
                                    "has {}; leave the example out, or give the network fewer strides over time",
                                    example, needed, real_steps(example)));
  const int threads = s.examples > 1 ? tensor::threads_for(s.examples * size) : 1;
  tensor::for_parts(s.examples, threads, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t example = begin; example < end; ++example) {
      const std::int64_t rows = real_steps(example);
      const auto count = static_cast<std::size_t>(rows * s.columns);
      const std::span y(s.y + example * size, count);
      each[static_cast<std::size_t>(example)] = cost.value(y, target(example), rows, s.columns);
      if (s.dy == nullptr) continue;
      const std::span all(s.dy + example * size, static_cast<std::size_t>(size));
      takes_shortcut ? cost.gradient(y, target(example), all.first(count), rows, s.columns)
                     : cost.true_gradient(y, target(example), all.first(count), rows, s.columns);
      std::fill(all.begin() + static_cast<std::ptrdiff_t>(count), all.end(), 0.0f);
    }
  });
  double sum = 0;
  for (std::int64_t example = 0; example < s.examples; ++example) sum += each[static_cast<std::size_t>(example)];
  return sum / static_cast<double>(s.examples);
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

tensor::Kernel clamp_kernel(const tensor::Layout& layout, double bound) {
  return std::make_shared<ClampKernel>(layout, bound);
}

}  // namespace neon
