#include <algorithm>

#include "tensor/operations.h"
#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

std::int64_t floats_of(const Layout& layout) { return static_cast<std::int64_t>(layout.size_bytes() / sizeof(float)); }

NCLOUD_VECTORIZED void add_floats(const float* a, const float* b, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] + b[i];
}

class Sum final : public OwnKernel {
 public:
  Sum(const Layout& layout, std::size_t count) : OwnKernel("sum", arguments_for(layout, count)), count_(count) {}

  void run(const RunContext&) const override {
    for_elements(floats_of(arguments_[0].layout), [&](std::int64_t begin, std::int64_t end) {
      float* dst = at(count_) + begin;
      add_floats(at(0) + begin, at(1) + begin, dst, end - begin);
      for (std::size_t i = 2; i < count_; ++i) add_floats(dst, at(i) + begin, dst, end - begin);
    });
  }

 private:
  static std::vector<Argument> arguments_for(const Layout& layout, std::size_t count) {
    std::vector<Argument> arguments(count, {Slot::src, layout});
    arguments.push_back({Slot::dst, layout});
    return arguments;
  }
  std::size_t count_;
};

class Scaled final : public OwnKernel {
 public:
  Scaled(const Layout& layout, float factor)
      : OwnKernel("scale", {{Slot::src, layout}, {Slot::dst, layout}}), factor_(factor) {}

  void run(const RunContext&) const override {
    for_elements(floats_of(arguments_[0].layout), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) at(1)[i] = at(0)[i] * factor_;
    });
  }

 private:
  float factor_;
};

}  // namespace

Kernel sum(const Layout& layout, std::size_t count) { return std::make_shared<Sum>(layout, count); }
Kernel scaled(const Layout& layout, float factor) { return std::make_shared<Scaled>(layout, factor); }

}  // namespace tensor
