#include "neon/cost.h"
#include "neon/costs/class_weights.h"
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

/// What a target becomes: moved by `spread` to all classes, and weighted.
struct Target {
  float keep, spread;    // the target counts keep·t + spread
  const float* weights;  // (columns), or null: all 1
  [[gnu::always_inline]] float operator()(float t, std::int64_t column) const {
    const float smooth = keep * t + spread;
    return weights == nullptr ? smooth : weights[column] * smooth;
  }
};

NCLOUD_VECTORIZED double value_of_row(const float* y, const float* t, std::int64_t n, Target target) {
  return sum_of(n, [=](std::int64_t i) { return -target(t[i], i) * safelog_quick(y[i]); });
}

NCLOUD_VECTORIZED void gradient_of_row(const float* y, const float* t, float* dy, std::int64_t n, float scale,
                                       Target target) {
  const auto total = static_cast<float>(sum_of(n, [=](std::int64_t i) { return target(t[i], i); }));
  for (std::int64_t i = 0; i < n; ++i) dy[i] = scale * (total * y[i] - target(t[i], i));
}

NCLOUD_VECTORIZED void true_gradient_of_row(const float* y, const float* t, float* dy, std::int64_t n, float scale,
                                            Target target) {
  for (std::int64_t i = 0; i < n; ++i) dy[i] = -scale * safelog_slope(y[i]) * target(t[i], i);
}

/// Label smoothing: Szegedy et al. 2016, "Rethinking the Inception architecture", section 7.
class CrossEntropyMulti final : public Cost {
 public:
  struct Config {
    double scale = 1;
    bool usebits = false;
    double label_smoothing = 0;
    ClassWeights class_weights;
    static constexpr auto fields() {
      return std::tuple(
          base::field("scale", &Config::scale, "factor of the gradient; the value is not scaled"),
          base::field("usebits", &Config::usebits, "count in bits: logarithms to base 2"),
          base::field("label_smoothing", &Config::label_smoothing, "share of each target given to all classes equally")
              .range(0, 1),
          base::field("class_weights", &Config::class_weights, "a factor for each class, in their order"));
    }
  };
  explicit CrossEntropyMulti(Config config)
      : unit_(config.usebits ? 1 / std::log(2.0) : 1.0),
        scale_(config.scale),
        smoothing_(config.label_smoothing),
        class_weights_(std::move(config.class_weights)) {
    for (std::size_t i = 0; i < class_weights_.size(); ++i) weights_.push_back(static_cast<float>(class_weights_[i]));
  }

  void check_columns(std::int64_t columns) const override { class_weights_.check(columns); }

  /// Targets are mostly one-hot, so a logarithm is taken only where there is a target.
  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
               std::int64_t columns) const override {
    double sum = 0;
    if (is_plain()) {
      for (std::int64_t i = 0; i < rows * columns; ++i)
        if (t[i] != 0) sum -= static_cast<double>(t[i] * safelog_quick(y[i]));
    } else {
      for_each_row(rows, columns, [&](std::int64_t begin, const Target& target) {
        sum += value_of_row(y.data() + begin, t.data() + begin, columns, target);
      });
    }
    return unit_ * sum / static_cast<double>(rows);
  }

  void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                std::int64_t columns) const override {
    const auto scale = static_cast<float>(unit_ * scale_);
    if (is_plain()) return gradient_of(y.data(), t.data(), dy.data(), rows * columns, scale);
    for_each_row(rows, columns, [&](std::int64_t begin, const Target& target) {
      gradient_of_row(y.data() + begin, t.data() + begin, dy.data() + begin, columns, scale, target);
    });
  }

  void true_gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                     std::int64_t columns) const override {
    const auto scale = static_cast<float>(unit_ * scale_);
    if (is_plain()) return true_gradient_of(y.data(), t.data(), dy.data(), rows * columns, scale);
    for_each_row(rows, columns, [&](std::int64_t begin, const Target& target) {
      true_gradient_of_row(y.data() + begin, t.data() + begin, dy.data() + begin, columns, scale, target);
    });
  }

  double gradient_scale() const override { return scale_; }
  double reference_value(std::span<const double> y, std::span<const double> t) const override {
    const double spread = smoothing_ / static_cast<double>(y.size());
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
      sum -= class_weights_[i] * ((1 - smoothing_) * t[i] + spread) * unit_ * safelog(y[i]);
    return sum;
  }
  std::string_view shortcut_activation() const override { return "Softmax"; }

 private:
  bool is_plain() const { return smoothing_ == 0 && weights_.empty(); }

  template <class Work>
  void for_each_row(std::int64_t rows, std::int64_t columns, const Work& work) const {
    check_columns(columns);
    const Target target{static_cast<float>(1 - smoothing_),
                        static_cast<float>(smoothing_ / static_cast<double>(columns)),
                        weights_.empty() ? nullptr : weights_.data()};
    for (std::int64_t row = 0; row < rows; ++row) work(row * columns, target);
  }

  double unit_, scale_, smoothing_;
  ClassWeights class_weights_;
  std::vector<float> weights_;  // the same for the loops
};

const OnShelf<Cost, CrossEntropyMulti> registered(
    "CrossEntropyMulti", "for one class out of many, outputs of a Softmax",
    R"(The value is −L·Σ t·safelog(y), L = 1/ln 2 with `usebits`, else 1. With `Softmax` as the last activation, the gradient is taken
with respect to the input of the activation: L·`scale`·(y − t).

`label_smoothing` ε and `class_weights` w put q = w·((1 − ε)·t + ε / outputs) in the place of t, and the gradient becomes
L·`scale`·(y·Σq − q). As in PyTorch, except that a shown cost is the mean over exemplars whatever their weights. neon has neither.)",
    {{"CrossEntropyLoss", "write CrossEntropyMulti, with Softmax as the last activation"},
     {"CrossEntropy", "write CrossEntropyMulti, or CrossEntropyBinary for independent yes/no outputs"},
     {"NLLLoss", "write CrossEntropyMulti, with Softmax as the last activation"},
     {"categorical_crossentropy", ""},
     {"sparse_categorical_crossentropy", ""}});

}  // namespace
}  // namespace neon
