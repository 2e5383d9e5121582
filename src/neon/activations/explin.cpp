#include <cmath>

#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vector_math.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED void explin(const float* x, float* y, std::int64_t count, float alpha) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float below = alpha * (tensor::exp_quick(x[i] > 0 ? 0.0f : x[i]) - 1.0f);
    y[i] = x[i] > 0 ? x[i] : below;
  }
}

NCLOUD_VECTORIZED void times_slope(const float* y, const float* dy, float* dx, std::int64_t count, float alpha) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = dy[i] * (y[i] > 0 ? 1.0f : y[i] + alpha);
}

class Explin final : public Transform {
 public:
  struct Config {
    double alpha = 1.0;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("alpha", &Config::alpha, "outputs are over -alpha").at_least(0),
                        base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Explin(const Config& config) : alpha_(static_cast<float>(config.alpha)) {}

  static std::vector<std::string_view> cases() { return {"{}", R"({"alpha": 0.3})"}; }

  void apply(const float* x, float* y, std::int64_t count) const override { explin(x, y, count, alpha_); }
  void differentiate(const float* y, const float* dy, float* dx, std::int64_t count) const override {
    times_slope(y, dy, dx, count, alpha_);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override {
    return nodes.add("Elu", {x}, {{"alpha", alpha_}});
  }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = x > 0 ? x : alpha_ * std::expm1(x);
  }
  void reference_backward(std::span<const double> x, std::span<const double> y, std::span<double> dy) const override {
    for (std::size_t i = 0; i < x.size(); ++i) dy[i] *= x[i] > 0 ? 1 : y[i] + alpha_;
  }

 private:
  float alpha_;
};

const OnShelf<Transform, Explin> registered(
    "Explin", "max(x, 0) + alpha·(exp(min(x, 0)) - 1)",
    R"(The exponential linear unit of Clevert, Unterthiner and Hochreiter 2015. The derivative is 1 for y > 0, else y + alpha; neon has 0 at y = 0,
where small negative inputs end up, too.)",
    {{"ELU", ""}});

}  // namespace
}  // namespace neon
