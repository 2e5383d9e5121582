#include <cmath>

#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED void signs(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float sign = x[i] >= 0 ? 1.0f : -1.0f;
    y[i] = x[i] != x[i] ? x[i] : sign;
  }
}

NCLOUD_VECTORIZED void straight_through(const float* x, const float* dy, float* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = dy[i] * ((x[i] >= -1 ? 1.0f : 0.0f) * (x[i] <= 1 ? 1.0f : 0.0f));
}

class Sign final : public Transform {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Sign(const Config&) {}

  bool has_true_derivative() const override { return false; }
  bool derivative_of_input() const override { return true; }
  void apply(const float* x, float* y, std::int64_t count) const override { signs(x, y, count); }
  void differentiate(const float* x, const float* dy, float* dx, std::int64_t count) const override {
    straight_through(x, dy, dx, count);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override {
    const std::string positive = nodes.add("GreaterOrEqual", {x, nodes.number("zero", 0)});
    return nodes.add("Where", {positive, nodes.number("one", 1), nodes.number("minus_one", -1)});
  }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = x >= 0 ? 1 : -1;
  }
  void reference_backward(std::span<const double> x, std::span<const double>, std::span<double> dy) const override {
    for (std::size_t i = 0; i < x.size(); ++i)
      if (std::abs(x[i]) > 1) dy[i] = 0;
  }
};

const OnShelf<Transform, Sign> registered(
    "Sign", "x >= 0 ? 1 : -1",
    R"(Its derivative is 0 and would teach nothing; instead errors pass straight through where |x| <= 1 and are 0 elsewhere.
Hubara et al. 2016.)");

}  // namespace
}  // namespace neon
