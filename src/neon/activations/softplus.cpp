#include <cmath>

#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vector_math.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED void softplus(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = tensor::softplus_quick(x[i]);
}

NCLOUD_VECTORIZED void times_slope(const float* x, const float* dy, float* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = dy[i] * tensor::logistic_quick(x[i]);
}

class Softplus final : public Transform {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Softplus(const Config&) {}

  /// 1 - e^-y would be the slope too, but loses every digit where y is small.
  bool derivative_of_input() const override { return true; }
  void apply(const float* x, float* y, std::int64_t count) const override { softplus(x, y, count); }
  void differentiate(const float* x, const float* dy, float* dx, std::int64_t count) const override {
    times_slope(x, dy, dx, count);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override { return nodes.add("Softplus", {x}); }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  }
  void reference_backward(std::span<const double> x, std::span<const double>, std::span<double> dy) const override {
    for (std::size_t i = 0; i < x.size(); ++i) dy[i] /= 1 + std::exp(-x[i]);
  }
};

const OnShelf<Transform, Softplus> registered("Softplus", "ln(1 + exp(x))");

}  // namespace
}  // namespace neon
