#include <algorithm>

#include "tensor/parallel.h"
#include "tensor/recurrent.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

NCLOUD_VECTORIZED void add_scaled(const float* x, float factor, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] += factor * x[i];
}

NCLOUD_VECTORIZED void scale(const float* x, float factor, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = factor * x[i];
}

Layout rows(std::int64_t count, std::int64_t features) { return Layout::row_major(Dtype::f32, {count, features}); }

/// The rows of one step are one run of numbers, `each` long, in both directions.
class ReadoutKernel : public OwnKernel {
 protected:
  ReadoutKernel(std::string_view name, Readout readout, std::int64_t steps, std::int64_t each,
                std::vector<Argument> arguments)
      : OwnKernel(name, std::move(arguments)),
        readout_(readout),
        steps_(steps),
        each_(each),
        factor_(readout == Readout::mean ? 1 / static_cast<float>(steps) : 1) {}

  Readout readout_;
  std::int64_t steps_, each_;
  float factor_;
};

class ReadoutForward final : public ReadoutKernel {
 public:
  ReadoutForward(Readout readout, std::int64_t steps, std::int64_t n, std::int64_t features)
      : ReadoutKernel("readout", readout, steps, n * features,
                      {{Slot::src, rows(steps * n, features)}, {Slot::dst, rows(n, features)}}) {}

  void run(const RunContext&) const override {
    for_elements(each_, [&](std::int64_t begin, std::int64_t end) {
      float* y = at(1) + begin;
      scale(at(0) + (steps_ - 1) * each_ + begin, factor_, y, end - begin);
      if (readout_ == Readout::last) return;
      for (std::int64_t t = steps_ - 1; t-- > 0;) add_scaled(at(0) + t * each_ + begin, factor_, y, end - begin);
    });
  }
};

class ReadoutBackward final : public ReadoutKernel {
 public:
  ReadoutBackward(Readout readout, std::int64_t steps, std::int64_t n, std::int64_t features)
      : ReadoutKernel("readout derivative", readout, steps, n * features,
                      {{Slot::diff_dst, rows(n, features)}, {Slot::diff_src, rows(steps * n, features)}}) {}

  void run(const RunContext&) const override {
    for_elements(each_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = 0; t < steps_; ++t) {
        float* dx = at(1) + t * each_ + begin;
        if (readout_ == Readout::last && t + 1 < steps_)
          std::fill_n(dx, end - begin, 0.0f);
        else
          scale(at(0) + begin, factor_, dx, end - begin);
      }
    });
  }
};

/// The same where every example has a length of its own.
class PaddedReadout : public OwnKernel {
 protected:
  PaddedReadout(std::string_view name, Readout readout, std::int64_t steps, std::int64_t n, std::int64_t features,
                std::vector<Argument> arguments)
      : OwnKernel(name, std::move(arguments)), readout_(readout), steps_(steps), n_(n), features_(features) {
    add({Slot::src, Layout::row_major(Dtype::i32, {n})});
  }

  /// Calls work(example, first step that counts, length, factor) for all, at the same time.
  template <class Work>
  void for_each_example(const Work& work) const {
    for_parts(n_, threads_for(steps_ * n_ * features_), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t length = at<const std::int32_t>(2)[i];
        const std::int64_t first = readout_ == Readout::last ? std::max<std::int64_t>(0, length - 1) : 0;
        work(i, first, length, readout_ == Readout::mean && length > 0 ? 1 / static_cast<float>(length) : 1.0f);
      }
    });
  }

  Readout readout_;
  std::int64_t steps_, n_, features_;
};

class PaddedReadoutForward final : public PaddedReadout {
 public:
  PaddedReadoutForward(Readout readout, std::int64_t steps, std::int64_t n, std::int64_t features)
      : PaddedReadout("readout", readout, steps, n, features,
                      {{Slot::src, rows(steps * n, features)}, {Slot::dst, rows(n, features)}}) {}

  void run(const RunContext&) const override {
    for_each_example([&](std::int64_t i, std::int64_t first, std::int64_t length, float factor) {
      float* y = at(1) + i * features_;
      std::fill_n(y, features_, 0.0f);
      for (std::int64_t t = first; t < length; ++t) add_scaled(at(0) + (t * n_ + i) * features_, factor, y, features_);
    });
  }
};

class PaddedReadoutBackward final : public PaddedReadout {
 public:
  PaddedReadoutBackward(Readout readout, std::int64_t steps, std::int64_t n, std::int64_t features)
      : PaddedReadout("readout derivative", readout, steps, n, features,
                      {{Slot::diff_dst, rows(n, features)}, {Slot::diff_src, rows(steps * n, features)}}) {}

  void run(const RunContext&) const override {
    for_each_example([&](std::int64_t i, std::int64_t first, std::int64_t length, float factor) {
      for (std::int64_t t = 0; t < steps_; ++t) {
        float* dx = at(1) + (t * n_ + i) * features_;
        if (t < first || t >= length)
          std::fill_n(dx, features_, 0.0f);
        else
          scale(at(0) + i * features_, factor, dx, features_);
      }
    });
  }
};

}  // namespace

Kernel readout_forward(Readout readout, std::int64_t steps, std::int64_t n, std::int64_t features, bool has_lengths) {
  if (has_lengths) return std::make_shared<PaddedReadoutForward>(readout, steps, n, features);
  return std::make_shared<ReadoutForward>(readout, steps, n, features);
}
Kernel readout_backward(Readout readout, std::int64_t steps, std::int64_t n, std::int64_t features, bool has_lengths) {
  if (has_lengths) return std::make_shared<PaddedReadoutBackward>(readout, steps, n, features);
  return std::make_shared<ReadoutBackward>(readout, steps, n, features);
}

}  // namespace tensor
