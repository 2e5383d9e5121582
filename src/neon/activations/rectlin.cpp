#include "neon/element_wise.h"

namespace neon {
namespace {

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
  explicit Rectlin(const Config& config) {
    function_.function = {tensor::Function::rectlin, static_cast<float>(config.slope)};
  }

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

const OnShelf<Transform, Rectlin> registered("Rectlin", "max(x, 0) + slope·min(x, 0)", {},
                                             {{"ReLU", ""},
                                              {"LeakyReLU", "write {type: Rectlin, config: {slope: 0.01}}"}});

}  // namespace
}  // namespace neon
