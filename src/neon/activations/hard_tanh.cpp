#include <algorithm>

#include "base/error.h"
#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED void clip_all(const float* x, float* y, std::int64_t count, float low, float high) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float above = x[i] < low ? low : x[i];
    y[i] = above > high ? high : above;
  }
}

NCLOUD_VECTORIZED
void where_inside(const float* y, const float* dy, float* dx, std::int64_t count, float low, float high) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = dy[i] * ((y[i] > low ? 1.0f : 0.0f) * (y[i] < high ? 1.0f : 0.0f));
}

class HardTanh final : public Transform {
 public:
  struct Config {
    double low = -1, high = 1;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("low", &Config::low, "the smallest output"),
                        base::field("high", &Config::high, "the largest output"),
                        base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit HardTanh(const Config& config)
      : low_(static_cast<float>(config.low)), high_(static_cast<float>(config.high)) {
    if (!(low_ < high_))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("low must be under high, got {} and {}", config.low, config.high));
  }

  static std::vector<std::string_view> cases() { return {"{}", R"({"low": -0.25, "high": 2})"}; }

  void apply(const float* x, float* y, std::int64_t count) const override { clip_all(x, y, count, low_, high_); }
  void differentiate(const float* y, const float* dy, float* dx, std::int64_t count) const override {
    where_inside(y, dy, dx, count, low_, high_);
  }
  std::string onnx(OnnxNodes& nodes, const std::string& x) const override {
    return nodes.add("Clip", {x, nodes.number("low", low_), nodes.number("high", high_)});
  }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = std::clamp<double>(x, low_, high_);
  }
  void reference_backward(std::span<const double>, std::span<const double> y, std::span<double> dy) const override {
    for (std::size_t i = 0; i < y.size(); ++i)
      if (y[i] <= low_ || y[i] >= high_) dy[i] = 0;
  }

 private:
  float low_, high_;
};

const OnShelf<Transform, HardTanh> registered("HardTanh", "x between low and high", {}, {{"Clip", ""}});

}  // namespace
}  // namespace neon
