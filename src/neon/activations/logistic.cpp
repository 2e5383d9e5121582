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
                                    "the derivative is part of the gradient of the cost, CrossEntropyBinary"),
                        base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Logistic(const Config& config) : shortcut_(config.shortcut) {
    function_.function.function = tensor::Function::logistic;
  }

  std::optional<ElementWise> element_wise() const override { return function_; }
  bool is_shortcut() const override { return shortcut_; }
  void reference_forward(std::span<double> row) const override {
    for (double& x : row) x = reference_value(function_, x);
  }
  void reference_backward(std::span<const double> y, std::span<double> dy) const override {
    for (std::size_t i = 0; i < y.size(); ++i) dy[i] *= reference_derivative(function_, y[i]);
  }

 private:
  ElementWise function_;
  bool shortcut_;
};

const OnShelf<Transform, Logistic> registered("Logistic", "1 / (1 + exp(-x))", {}, {{"Sigmoid", ""}});

}  // namespace
}  // namespace neon
