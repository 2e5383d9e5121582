#include <cmath>

#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED
void times_slope(const float* y, const float* dy, float* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = dy[i] * (1 - y[i] * y[i]);
}

class Tanh final : public Transform {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Tanh(const Config&) {}

  std::optional<tensor::FunctionOf> vendor_function() const override { return {{tensor::Function::tanh}}; }
  void differentiate(const float* y, const float* dy, float* dx, std::int64_t count) const override {
    times_slope(y, dy, dx, count);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override { return nodes.add("Tanh", {x}); }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = std::tanh(x);
  }
  void reference_backward(std::span<const double>, std::span<const double> y, std::span<double> dy) const override {
    for (std::size_t i = 0; i < y.size(); ++i) dy[i] *= 1 - y[i] * y[i];
  }
};

const OnShelf<Transform, Tanh> registered("Tanh", "tanh x");

}  // namespace
}  // namespace neon
