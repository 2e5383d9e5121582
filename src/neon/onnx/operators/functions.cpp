// Functions of single numbers. What a chain of them computes is found out when a layer needs the result.
#include <algorithm>
#include <cmath>

#include "neon/onnx/reading.h"

namespace neon {
namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

template <double (*function)(double)>
void plain(OnnxOperation& op) {
  op.element_wise({0}, [](std::span<const double> x) { return function(x[0]); });
}
template <double (*function)(double)>
OnnxOperator plain_member(std::string_view name, std::string_view becomes) {
  return {name, becomes, "", {}, plain<function>};
}

void leaky_relu(OnnxOperation& op) {
  const double alpha = op.attributes.number("alpha", 0.01f);
  op.element_wise({0}, [alpha](std::span<const double> x) { return x[0] > 0 ? x[0] : alpha * x[0]; });
}
void elu(OnnxOperation& op) {
  const double alpha = op.attributes.number("alpha", 1);
  op.element_wise({0}, [alpha](std::span<const double> x) { return x[0] > 0 ? x[0] : alpha * std::expm1(x[0]); });
}
void hard_sigmoid(OnnxOperation& op) {
  const double alpha = op.attributes.number("alpha", 0.2f), beta = op.attributes.number("beta", 0.5f);
  OnnxView line = op.function_of(op.view(), [=](std::span<const double> x) { return alpha * x[0] + beta; });
  op.put(op.function_of(std::move(line), [](std::span<const double> x) { return std::clamp(x[0], 0.0, 1.0); }));
}
void gelu(OnnxOperation& op) {
  if (op.attributes.word("approximate", "none") == "tanh")
    op.element_wise({0}, [](std::span<const double> x) {
      return 0.5 * x[0] * (1 + std::tanh(std::sqrt(2 / M_PI) * (x[0] + 0.044715 * x[0] * x[0] * x[0])));
    });
  else
    op.element_wise({0}, [](std::span<const double> x) { return 0.5 * x[0] * (1 + std::erf(x[0] / std::sqrt(2.0))); });
}

/// Bounds are attributes up to version 10, inputs since.
void clip(OnnxOperation& op) {
  constexpr double kNone = std::numeric_limits<float>::max();
  const double low = op.has(1) ? op.number(1) : op.attributes.number("min", -kNone);
  const double high = op.has(2) ? op.number(2) : op.attributes.number("max", kNone);
  op.element_wise({0}, [=](std::span<const double> x) { return std::min(std::max(x[0], low), high); });
}

const OnOnnxShelf registered[]{
    OnOnnxShelf(plain_member<[](double x) { return std::max(x, 0.0); }>("Relu", "Activation Rectlin")),
    OnOnnxShelf({"LeakyRelu", "Activation Rectlin", "", {{"alpha"}}, leaky_relu}),
    OnOnnxShelf({"Elu", "Activation Explin", "", {{"alpha"}}, elu}),
    OnOnnxShelf(plain_member<logistic>("Sigmoid", "Activation Logistic; of x·Sigmoid(x) SiLU")),
    OnOnnxShelf(plain_member<[](double x) { return std::tanh(x); }>("Tanh", "Activation Tanh")),
    OnOnnxShelf(plain_member<[](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }>(
        "Softplus", "Activation Softplus")),
    OnOnnxShelf(
        {"HardSigmoid", "Activation Normalizer, Bias, Activation HardTanh", "", {{"alpha"}, {"beta"}}, hard_sigmoid}),
    OnOnnxShelf(plain_member<[](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }>("HardSwish",
                                                                                             "Activation HardSwish")),
    OnOnnxShelf({"Gelu", "Activation GELU", "", {{"approximate"}}, gelu}),
    OnOnnxShelf({"Clip", "Activation Rectlinclip or HardTanh", "bounds that are computed", {{"min"}, {"max"}}, clip}),
    OnOnnxShelf(plain_member<[](double x) { return std::erf(x); }>("Erf", "part of a GELU, or of a constant")),
    OnOnnxShelf(plain_member<[](double x) { return std::exp(x); }>("Exp", "part of an activation, or of a constant")),
    OnOnnxShelf(plain_member<[](double x) { return std::log(x); }>("Log", "part of an activation, or of a constant")),
    OnOnnxShelf(plain_member<[](double x) { return std::sqrt(x); }>("Sqrt", "part of an activation, or of a constant")),
    OnOnnxShelf(plain_member<[](double x) { return -x; }>("Neg", "Activation Normalizer, or part of another one")),
    OnOnnxShelf(plain_member<[](double x) { return std::abs(x); }>("Abs", "part of an activation, or of a constant")),
    OnOnnxShelf(plain_member<[](double x) { return 1 / x; }>("Reciprocal", "part of an activation, or of a constant")),
    OnOnnxShelf(plain_member<[](double x) { return std::floor(x); }>("Floor", "part of a constant")),
    OnOnnxShelf(plain_member<[](double x) { return std::ceil(x); }>("Ceil", "part of a constant")),
    OnOnnxShelf(plain_member<[](double x) { return x == 0 ? 1.0 : 0.0; }>("Not", "part of a constant"))};

}  // namespace
}  // namespace neon
