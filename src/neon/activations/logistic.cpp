#include <cmath>

#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED
void times_slope(const float* y, const float* dy, float* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = dy[i] * y[i] * (1 - y[i]);
}

class Logistic final : public Transform {
 public:
  struct Config {
    bool shortcut = false;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("shortcut", &Config::shortcut,
                                    "the derivative is part of the gradient of the cost, CrossEntropyBinary"),
                        base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Logistic(const Config& config) : shortcut_(config.shortcut) {}

  static std::vector<std::string_view> cases() { return {"{}", R"({"shortcut": true})"}; }

  std::optional<tensor::FunctionOf> vendor_function() const override { return {{tensor::Function::logistic}}; }
  bool is_shortcut() const override { return shortcut_; }
  void differentiate(const float* y, const float* dy, float* dx, std::int64_t count) const override {
    times_slope(y, dy, dx, count);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override { return nodes.add("Sigmoid", {x}); }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = 1 / (1 + std::exp(-x));
  }
  void reference_backward(std::span<const double>, std::span<const double> y, std::span<double> dy) const override {
    for (std::size_t i = 0; i < y.size(); ++i) dy[i] *= y[i] * (1 - y[i]);
  }

 private:
  bool shortcut_;
};

const OnShelf<Transform, Logistic> registered("Logistic", "1 / (1 + exp(-x))", {}, {{"Sigmoid", ""}});

}  // namespace
}  // namespace neon
