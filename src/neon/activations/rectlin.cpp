#include <cmath>

#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

/// neon: (y > 0) + slope·(y < 0), so 0 at y = 0. With a slope below 0 the output does not tell the input's sign. Two
/// selections between constants, which vectorise; nested ones do not.
NCLOUD_VECTORIZED
void times_slope(const float* y, const float* dy, float* dx, std::int64_t count, float slope) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = dy[i] * ((y[i] > 0 ? 1.0f : 0.0f) + (y[i] < 0 ? slope : 0.0f));
}

class Rectlin final : public Transform {
 public:
  struct Config {
    double slope = 0;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("slope", &Config::slope, "factor of negative inputs"),
                        base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Rectlin(const Config& config) : slope_(static_cast<float>(config.slope)) {}

  static std::vector<std::string_view> cases() { return {"{}", R"({"slope": 0.1})", R"({"slope": -0.5})"}; }

  std::optional<tensor::FunctionOf> vendor_function() const override { return {{tensor::Function::rectlin, slope_}}; }
  bool derivative_of_input() const override { return slope_ < 0; }
  void differentiate(const float* y, const float* dy, float* dx, std::int64_t count) const override {
    times_slope(y, dy, dx, count, slope_);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override {
    return slope_ == 0 ? nodes.add("Relu", {x}) : nodes.add("LeakyRelu", {x}, {{"alpha", slope_}});
  }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = x > 0 ? x : slope_ * x;
  }
  void reference_backward(std::span<const double> x, std::span<const double>, std::span<double> dy) const override {
    for (std::size_t i = 0; i < x.size(); ++i) dy[i] *= x[i] > 0 ? 1 : x[i] < 0 ? slope_ : 0;
  }

 private:
  float slope_;
};

const OnShelf<Transform, Rectlin> registered("Rectlin", "max(x, 0) + slope·min(x, 0)", {},
                                             {{"ReLU", ""},
                                              {"LeakyReLU", "write {type: Rectlin, config: {slope: 0.01}}"}});

}  // namespace
}  // namespace neon
