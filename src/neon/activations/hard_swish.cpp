#include <algorithm>

#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED void hard_swish(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float above = x[i] + 3.0f < 0 ? 0 : x[i] + 3.0f;
    y[i] = x[i] * ((above > 6.0f ? 6.0f : above) * (1.0f / 6.0f));
  }
}

NCLOUD_VECTORIZED void times_slope(const float* x, const float* dy, float* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float inside = (2.0f * x[i] + 3.0f) * (1.0f / 6.0f), above = x[i] > -3.0f ? inside : 0.0f;
    dx[i] = dy[i] * (x[i] < 3.0f ? above : 1.0f);
  }
}

class HardSwish final : public Transform {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit HardSwish(const Config&) {}

  bool derivative_of_input() const override { return true; }
  void apply(const float* x, float* y, std::int64_t count) const override { hard_swish(x, y, count); }
  void differentiate(const float* x, const float* dy, float* dx, std::int64_t count) const override {
    times_slope(x, dy, dx, count);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override { return nodes.add("HardSwish", {x}); }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x *= std::clamp(x + 3, 0.0, 6.0) / 6;
  }
  void reference_backward(std::span<const double> x, std::span<const double>, std::span<double> dy) const override {
    for (std::size_t i = 0; i < x.size(); ++i) dy[i] *= x[i] <= -3 ? 0 : x[i] >= 3 ? 1 : (2 * x[i] + 3) / 6;
  }
};

const OnShelf<Transform, HardSwish> registered("HardSwish", "x·min(max(x + 3, 0), 6)/6",
                                               "SiLU of straight pieces. Source: Howard et al. 2019.",
                                               {{"Hardswish", ""}});

}  // namespace
}  // namespace neon
