#include "neon/element_wise.h"

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
  explicit Identity(const Config&) { function_.identity = true; }

  std::optional<ElementWise> element_wise() const override { return function_; }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = reference_value(function_, x);
  }
  void reference_backward(std::span<const double> y, std::span<double> dy) const override {
    for (std::size_t i = 0; i < y.size(); ++i) dy[i] *= reference_derivative(function_, y[i]);
  }

 private:
  ElementWise function_;
};

const OnShelf<Transform, Identity> registered("Identity", "x", {}, {{"Linear", ""}, {"None", "leave activation out"}});

}  // namespace
}  // namespace neon
