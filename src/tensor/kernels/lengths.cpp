#include "tensor/recurrent.h"

namespace tensor {
namespace {

class Lengths final : public OwnKernel {
 public:
  Lengths(const Layout& src, std::int64_t pad)
      : OwnKernel("lengths", {{Slot::src, src}, {Slot::dst, Layout::row_major(Dtype::i32, {src.shape()[0]})}}),
        n_(src.shape()[0]),
        steps_(src.shape()[1]),
        pad_(static_cast<std::int32_t>(pad)) {}

  void run(const RunContext&) const override {
    const auto* numbers = at<const std::int32_t>(0);
    for (std::int64_t i = 0; i < n_; ++i, numbers += steps_) {
      std::int64_t length = steps_;
      while (length > 0 && numbers[length - 1] == pad_) --length;
      at<std::int32_t>(1)[i] = static_cast<std::int32_t>(length);
    }
  }

 private:
  std::int64_t n_, steps_;
  std::int32_t pad_;
};

}  // namespace

Kernel lengths_of(const Layout& src, std::int64_t pad) { return std::make_shared<Lengths>(src, pad); }

}  // namespace tensor
