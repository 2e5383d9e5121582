#include <cmath>

#include "base/error.h"
#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED void divide(const float* x, float* y, std::int64_t count, float divisor) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] / divisor;
}

class Normalizer final : public Transform {
 public:
  struct Config {
    std::optional<std::string> name;
    double divisor = 128.0;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name; for reading only"),
                        base::field("divisor", &Config::divisor, "what is divided by; not 0"));
    }
  };
  explicit Normalizer(const Config& config) : divisor_(static_cast<float>(config.divisor)) {
    if (divisor_ == 0) throw base::Error(base::Code::invalid_argument, "divisor must not be 0");
  }

  static std::vector<std::string_view> cases() { return {"{}", R"({"divisor": 0.5})"}; }

  void apply(const float* x, float* y, std::int64_t count) const override { divide(x, y, count, divisor_); }
  void differentiate(const float*, const float* dy, float* dx, std::int64_t count) const override {
    divide(dy, dx, count, divisor_);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override {
    return nodes.add("Div", {x, nodes.number("divisor", divisor_)});
  }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x /= divisor_;
  }
  void reference_backward(std::span<const double>, std::span<const double>, std::span<double> dy) const override {
    for (double& d : dy) d /= divisor_;
  }

 private:
  float divisor_;
};

const OnShelf<Transform, Normalizer> registered(
    "Normalizer", "x / divisor",
    R"(For what goes into a network, with the layer `DataTransform`. neon gives it no derivative; here it has one, for use elsewhere.)");

}  // namespace
}  // namespace neon
