#include "base/error.h"
#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

template <class Real>
[[gnu::always_inline]] inline Real value(Real x, Real slope, Real cut) {
  const Real y = (x > 0 ? x : Real(0)) + slope * (x < 0 ? x : Real(0));
  return y < cut ? y : cut;
}

NCLOUD_VECTORIZED void clip_all(const float* x, float* y, std::int64_t count, float slope, float cut) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] != x[i] ? x[i] : value(x[i], slope, cut);
}

/// `at` are outputs; or inputs, with a slope below 0, where the output does not tell the input's sign.
NCLOUD_VECTORIZED
void times_slope(const float* at, const float* dy, float* dx, std::int64_t count, float slope, float cut) {
  const float of_negative = slope < 0 ? slope : 1.0f;
  for (std::int64_t i = 0; i < count; ++i) {
    const float y = at[i] < 0 ? of_negative * at[i] : at[i];
    const float inside = (at[i] > 0 ? 1.0f : 0.0f) + (at[i] < 0 ? slope : 0.0f);
    dx[i] = dy[i] * (y < cut ? inside : 0.0f);
  }
}

class Rectlinclip final : public Transform {
 public:
  struct Config {
    double slope = 0;
    std::optional<std::string> name;
    double xcut = 20.0;
    static constexpr auto fields() {
      return std::tuple(base::field("slope", &Config::slope, "factor of negative inputs"),
                        base::field("name", &Config::name, "a name; for reading only"),
                        base::field("xcut", &Config::xcut, "the largest output").positive());
    }
  };
  explicit Rectlinclip(const Config& config)
      : slope_(static_cast<float>(config.slope)), cut_(static_cast<float>(config.xcut)) {}

  static std::vector<std::string_view> cases() {
    return {"{}", R"({"slope": 0.1, "xcut": 0.75})", R"({"slope": -0.5, "xcut": 0.5})"};
  }

  bool derivative_of_input() const override { return slope_ < 0; }
  void apply(const float* x, float* y, std::int64_t count) const override { clip_all(x, y, count, slope_, cut_); }
  void differentiate(const float* at, const float* dy, float* dx, std::int64_t count) const override {
    times_slope(at, dy, dx, count, slope_, cut_);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override {
    if (slope_ == 0) return nodes.add("Clip", {x, nodes.number("zero", 0), nodes.number("xcut", cut_)});
    return nodes.add("Min", {nodes.add("LeakyRelu", {x}, {{"alpha", slope_}}), nodes.number("xcut", cut_)});
  }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = value<double>(x, slope_, cut_);
  }
  void reference_backward(std::span<const double> x, std::span<const double> y, std::span<double> dy) const override {
    for (std::size_t i = 0; i < x.size(); ++i) dy[i] *= y[i] >= cut_ ? 0 : x[i] > 0 ? 1 : x[i] < 0 ? slope_ : 0;
  }

 private:
  float slope_, cut_;
};

const OnShelf<Transform, Rectlinclip> registered("Rectlinclip", "min(max(x, 0) + slope·min(0, x), xcut)", {},
                                                 {{"ReLU6", "write {type: Rectlinclip, config: {xcut: 6}}"}});

}  // namespace
}  // namespace neon
