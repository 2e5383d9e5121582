#include <algorithm>

#include "tensor/parallel.h"
#include "tensor/recurrent.h"

namespace tensor {
namespace {

/// Numbers that were found to be whole and in range when the batch was bound.
class Lookup : public OwnKernel {
 protected:
  Lookup(std::string_view name, const Layout& src, std::int64_t size, std::vector<Argument> arguments)
      : OwnKernel(name, std::move(arguments)),
        n_(src.shape()[0]),
        steps_(src.shape()[1]),
        size_(size),
        whole_(src.dtype() == Dtype::i32) {}

  std::int64_t number(std::int64_t example, std::int64_t step) const {
    const std::int64_t i = example * steps_ + step;
    return whole_ ? at<std::int32_t>(0)[i] : static_cast<std::int64_t>(at(0)[i]);
  }

  std::int64_t n_, steps_, size_;
  bool whole_;
};

Layout sequence(const Layout& src, std::int64_t size) {
  return Layout::time_major(Dtype::f32, {src.shape()[0], size, src.shape()[1]});
}

class LookupForward final : public Lookup {
 public:
  LookupForward(const Layout& src, std::int64_t rows, std::int64_t size)
      : Lookup("lookup", src, size,
               {{Slot::src, src},
                {Slot::weights, Layout::row_major(Dtype::f32, {rows, size})},
                {Slot::dst, sequence(src, size)}}) {}

  void run(const RunContext&) const override {
    for_parts(steps_ * n_, threads_for(steps_ * n_ * size_), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t row = begin; row < end; ++row)
        std::copy_n(at(1) + number(row % n_, row / n_) * size_, size_, at(2) + row * size_);
    });
  }
};

class LookupBackward final : public Lookup {
 public:
  LookupBackward(const Layout& src, std::int64_t rows, std::int64_t size, std::optional<std::int64_t> without)
      : Lookup("lookup gradient", src, size,
               {{Slot::src, src},
                {Slot::diff_dst, sequence(src, size)},
                {Slot::diff_weights, Layout::row_major(Dtype::f32, {rows, size})}}),
        rows_(rows),
        without_(without) {}

  /// Each thread has columns of its own, so that sums are made in one order.
  void run(const RunContext&) const override {
    for_elements(rows_ * size_,
                 [&](std::int64_t begin, std::int64_t end) { std::fill_n(at(2) + begin, end - begin, 0.0f); });
    for_parts(
        size_, threads_for(steps_ * n_ * size_),
        [&](std::int64_t begin, std::int64_t end, int) {
          for (std::int64_t row = 0; row < steps_ * n_; ++row) {
            const std::int64_t which = number(row % n_, row / n_);
            if (which == without_) continue;
            const float* dy = at(1) + row * size_;
            float* dw = at(2) + which * size_;
            for (std::int64_t i = begin; i < end; ++i) dw[i] += dy[i];
          }
        },
        16);
  }

 private:
  std::int64_t rows_;
  std::optional<std::int64_t> without_;
};

}  // namespace

Kernel lookup_forward(const Layout& src, std::int64_t rows, std::int64_t size) {
  return std::make_shared<LookupForward>(src, rows, size);
}
Kernel lookup_backward(const Layout& src, std::int64_t rows, std::int64_t size, std::optional<std::int64_t> without) {
  return std::make_shared<LookupBackward>(src, rows, size, without);
}

}  // namespace tensor
