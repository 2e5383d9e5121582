#include <algorithm>

#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "neon/transform.h"

namespace neon {
namespace {

class Identity final : public Transform {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Identity(const Config&) {}

  bool is_identity() const override { return true; }
  void apply(const float* x, float* y, std::int64_t count) const override { std::copy_n(x, count, y); }
  void differentiate(const float*, const float* dy, float* dx, std::int64_t count) const override {
    std::copy_n(dy, count, dx);
  }
  std::string onnx(OnnxNodes&, const std::string& x) const override { return x; }
  void reference_forward(std::span<double>) const override {}
  void reference_backward(std::span<const double>, std::span<const double>, std::span<double>) const override {}
};

const OnShelf<Transform, Identity> registered("Identity", "x", {}, {{"Linear", ""}, {"None", "leave activation out"}});

}  // namespace
}  // namespace neon
