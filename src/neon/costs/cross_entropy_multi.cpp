#include "neon/cost.h"
#include "neon/costs/cost_sum.h"
#include "neon/shelf.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED void gradient_of(const float* y, const float* t, float* dy, std::int64_t n, float scale) {
  for (std::int64_t i = 0; i < n; ++i) dy[i] = scale * (y[i] - t[i]);
}

NCLOUD_VECTORIZED void true_gradient_of(const float* y, const float* t, float* dy, std::int64_t n, float scale) {
  for (std::int64_t i = 0; i < n; ++i) dy[i] = -scale * safelog_slope(y[i]) * t[i];
}

class CrossEntropyMulti final : public Cost {
 public:
  struct Config {
    double scale = 1;
    bool usebits = false;
    static constexpr auto fields() {
      return std::tuple(base::field("scale", &Config::scale, "factor of the gradient; the value is not scaled"),
                        base::field("usebits", &Config::usebits, "count in bits: logarithms to base 2"));
    }
  };
  explicit CrossEntropyMulti(Config config) : unit_(config.usebits ? 1 / std::log(2.0) : 1.0), scale_(config.scale) {}

  /// Targets are mostly one-hot, so a logarithm is taken only where there is a target.
  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
               std::int64_t columns) const override {
    double sum = 0;
    for (std::int64_t i = 0; i < rows * columns; ++i)
      if (t[i] != 0) sum -= static_cast<double>(t[i] * safelog_quick(y[i]));
    return unit_ * sum / static_cast<double>(rows);
  }
  void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                std::int64_t columns) const override {
    gradient_of(y.data(), t.data(), dy.data(), rows * columns, static_cast<float>(unit_ * scale_));
  }
  void true_gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                     std::int64_t columns) const override {
    true_gradient_of(y.data(), t.data(), dy.data(), rows * columns, static_cast<float>(unit_ * scale_));
  }
  double gradient_scale() const override { return scale_; }
  double reference_value(std::span<const double> y, std::span<const double> t) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum -= t[i] * unit_ * safelog(y[i]);
    return sum;
  }
  std::string_view shortcut_activation() const override { return "Softmax"; }

 private:
  double unit_;
  double scale_;
};

const OnShelf<Cost, CrossEntropyMulti> registered(
    "CrossEntropyMulti", "for one class out of many, outputs of a Softmax",
    R"(The value is −L·Σ t·safelog(y), L = 1/ln 2 with `usebits`, else 1. With `Softmax` as the last activation, the gradient is taken
with respect to the input of the activation: L·`scale`·(y − t).)",
    {{"CrossEntropyLoss", "write CrossEntropyMulti, with Softmax as the last activation"},
     {"CrossEntropy", "write CrossEntropyMulti, or CrossEntropyBinary for independent yes/no outputs"},
     {"NLLLoss", "write CrossEntropyMulti, with Softmax as the last activation"},
     {"categorical_crossentropy", ""},
     {"sparse_categorical_crossentropy", ""}});

}  // namespace
}  // namespace neon
