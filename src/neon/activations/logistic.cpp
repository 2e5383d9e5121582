#include "neon/element_wise.h"

namespace neon {
namespace {

class Logistic final : public Transform {
 public:
  struct Config {
    bool shortcut = false;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("shortcut", &Config::shortcut,
                                    "take the derivative as 1, as belongs with the cost CrossEntropyBinary"),
                        base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Logistic(const Config& config) {
    function_.function.function = tensor::Function::logistic;
    function_.derivative_is_one = config.shortcut;
  }

  std::optional<ElementWise> element_wise() const override { return function_; }
  bool derivative_is_exact() const override { return !function_.derivative_is_one; }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = reference_value(function_, x);
  }
  void reference_backward(std::span<const double> y, std::span<double> dy) const override {
    for (std::size_t i = 0; i < y.size(); ++i) dy[i] *= reference_derivative(function_, y[i]);
  }

 private:
  ElementWise function_;
};

const OnShelf<Transform, Logistic> registered("Logistic", "1 / (1 + exp(-x))");

}  // namespace
}  // namespace neon
