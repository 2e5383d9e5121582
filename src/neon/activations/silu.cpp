#include <cmath>

#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vector_math.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED void silu(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] * tensor::logistic_quick(x[i]);
}

NCLOUD_VECTORIZED void times_slope(const float* x, const float* dy, float* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float s = tensor::logistic_quick(x[i]);
    dx[i] = dy[i] * (s + s * (1.0f - s) * x[i]);
  }
}

class Silu final : public Transform {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Silu(const Config&) {}

  bool derivative_of_input() const override { return true; }
  void apply(const float* x, float* y, std::int64_t count) const override { silu(x, y, count); }
  void differentiate(const float* x, const float* dy, float* dx, std::int64_t count) const override {
    times_slope(x, dy, dx, count);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override {
    return nodes.add("Mul", {x, nodes.add("Sigmoid", {x})});
  }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x /= 1 + std::exp(-x);
  }
  void reference_backward(std::span<const double> x, std::span<const double>, std::span<double> dy) const override {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double s = 1 / (1 + std::exp(-x[i]));
      dy[i] *= s + x[i] * s * (1 - s);
    }
  }
};

const OnShelf<Transform, Silu> registered("SiLU", "x / (1 + exp(-x))", {}, {{"Swish", ""}});

}  // namespace
}  // namespace neon
