#include <cmath>
#include <numbers>

#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vector_math.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

constexpr float kRootHalf = 0.70710678118654752f;          // 1/√2
constexpr float kInverseRootTwoPi = 0.39894228040143268f;  // 1/√(2π)
constexpr float kRootTwoOverPi = 0.79788456080286536f;     // √(2/π)
constexpr float kCubic = 0.044715f;

NCLOUD_VECTORIZED void gelu(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] * (0.5f + 0.5f * tensor::erf_quick(x[i] * kRootHalf));
}

NCLOUD_VECTORIZED void times_slope(const float* x, const float* dy, float* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float area = 0.5f + 0.5f * tensor::erf_quick(x[i] * kRootHalf);
    const float density = kInverseRootTwoPi * tensor::exp_quick(-0.5f * x[i] * x[i]);
    dx[i] = dy[i] * (area + x[i] * density);
  }
}

NCLOUD_VECTORIZED void gelu_by_tanh(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float inner = kRootTwoOverPi * x[i] * (1.0f + kCubic * x[i] * x[i]);
    y[i] = 0.5f * x[i] * (1.0f + tensor::tanh_quick(inner));
  }
}

NCLOUD_VECTORIZED void times_slope_by_tanh(const float* x, const float* dy, float* dx, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float t = tensor::tanh_quick(kRootTwoOverPi * x[i] * (1.0f + kCubic * x[i] * x[i]));
    const float inner_slope = kRootTwoOverPi * (1.0f + 3.0f * kCubic * x[i] * x[i]);
    dx[i] = dy[i] * (0.5f * (1.0f + t) + 0.5f * x[i] * (1.0f - t * t) * inner_slope);
  }
}

enum class Approximation { none, tanh };
constexpr auto enumerators(Approximation) {
  return std::array{std::pair{Approximation::none, "none"}, std::pair{Approximation::tanh, "tanh"}};
}

class Gelu final : public Transform {
 public:
  struct Config {
    Approximation approximate = Approximation::none;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("approximate", &Config::approximate, "none: by erf; tanh: the older form that some models have"),
          base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Gelu(const Config& config) : by_tanh_(config.approximate == Approximation::tanh) {}

  static std::vector<std::string_view> cases() { return {"{}", R"({"approximate": "tanh"})"}; }

  bool derivative_of_input() const override { return true; }
  void apply(const float* x, float* y, std::int64_t count) const override {
    by_tanh_ ? gelu_by_tanh(x, y, count) : gelu(x, y, count);
  }
  void differentiate(const float* x, const float* dy, float* dx, std::int64_t count) const override {
    by_tanh_ ? times_slope_by_tanh(x, dy, dx, count) : times_slope(x, dy, dx, count);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override {
    const auto times = [&](const std::string& a, const char* name, float factor) {
      return nodes.add("Mul", {a, nodes.number(name, factor)});
    };
    const auto plus_one = [&](const std::string& a) { return nodes.add("Add", {a, nodes.number("one", 1)}); };
    const auto half = [&](const std::string& a) { return nodes.add("Mul", {times(x, "half", 0.5f), plus_one(a)}); };
    if (!by_tanh_) return half(nodes.add("Erf", {times(x, "root", kRootHalf)}));
    const std::string cubic = plus_one(times(nodes.add("Mul", {x, x}), "cubic", kCubic));
    return half(nodes.add("Tanh", {nodes.add("Mul", {times(x, "root", kRootTwoOverPi), cubic})}));
  }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = by_tanh_ ? 0.5 * x * (1 + std::tanh(inner(x))) : x * area(x);
  }
  void reference_backward(std::span<const double> x, std::span<const double>, std::span<double> dy) const override {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!by_tanh_) {
        const double density = std::exp(-0.5 * x[i] * x[i]) / std::sqrt(2 * std::numbers::pi);
        dy[i] *= area(x[i]) + x[i] * density;
        continue;
      }
      const double t = std::tanh(inner(x[i]));
      const double inner_slope = std::sqrt(2 / std::numbers::pi) * (1 + 3 * 0.044715 * x[i] * x[i]);
      dy[i] *= 0.5 * (1 + t) + 0.5 * x[i] * (1 - t * t) * inner_slope;
    }
  }

 private:
  static double area(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
  static double inner(double x) { return std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x); }

  bool by_tanh_;
};

const OnShelf<Transform, Gelu> registered(
    "GELU", "x·Φ(x), where Φ is the normal distribution",
    R"(Hendrycks and Gimpel 2016. `approximate: tanh` is 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).)");

}  // namespace
}  // namespace neon
