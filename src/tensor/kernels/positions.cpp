#include <cmath>

#include "tensor/attention.h"
#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

NCLOUD_VECTORIZED void add_table(const float* x, const float* table, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] + table[i];
}

class Positions final : public OwnKernel {
 public:
  explicit Positions(const Layout& src) : OwnKernel("positions", {{Slot::src, src}, {Slot::dst, src}}) {
    const Shape& shape = src.shape();
    table_.reserve(static_cast<std::size_t>(shape[1] * shape[2]));
    for (std::int64_t feature = 0; feature < shape[1]; ++feature)
      for (std::int64_t step = 0; step < shape[2]; ++step)
        table_.push_back(static_cast<float>(position(feature, shape[1], step)));
  }

  void run(const RunContext&) const override {
    const auto each = static_cast<std::int64_t>(table_.size()), n = arguments_[0].layout.shape()[0];
    for_parts(n, threads_for(n * each), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) add_table(at(0) + i * each, table_.data(), at(1) + i * each, each);
    });
  }

 private:
  std::vector<float> table_;
};

}  // namespace

double position(std::int64_t feature, std::int64_t features, std::int64_t step) {
  const double angle = static_cast<double>(step) /
                       std::pow(10000.0, static_cast<double>(feature / 2 * 2) / static_cast<double>(features));
  return feature % 2 == 0 ? std::sin(angle) : std::cos(angle);
}

Kernel positions_added(const Layout& src) { return std::make_shared<Positions>(src); }

}  // namespace tensor
