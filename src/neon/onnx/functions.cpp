#include "neon/onnx/functions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "neon/shelf.h"
#include "neon/transform.h"

namespace neon {
namespace {

constexpr std::array kPoints{0.0,  1.0, -1.0, 1e6,  -1e6, 0.01, -0.01, 0.1, -0.1, 0.25, -0.25, 0.5,  -0.5, 0.75, -0.75,
                             -1.5, 1.5, 2.0,  -2.0, 2.5,  -2.5, 2.99,  3.0, -3.0, 3.5,  -3.5,  4.0,  -4.0, 5.0,  -5.0,
                             5.99, 6.0, -6.0, 7.0,  -7.0, 8.0,  -8.0,  12., -12., 25.,  -25.,  60.0, -60.};
constexpr std::size_t kZero = 0, kOne = 1, kHigh = 3, kLow = 4;

/// More than any activation is written in.
constexpr int kDeepest = 100;

bool alike(std::span<const double> got, std::span<const double> expected) {
  for (std::size_t i = 0; i < got.size(); ++i)
    if (!(std::abs(got[i] - expected[i]) <= 2e-6 * std::max(1.0, std::abs(expected[i])))) return false;
  return true;
}

/// As a model file has it: the shortest decimal number that is this one in f32.
double decimal(double value) { return std::strtod(fmt::format("{}", static_cast<float>(value)).c_str(), nullptr); }

}  // namespace

std::span<const double> sample_points() { return kPoints; }

std::span<const double> values_of(const FunctionOfX& function) { return function ? function->y : sample_points(); }

FunctionOfX applied(const Formula& formula, std::vector<FunctionOfX> operands, const OnnxNode& node) {
  auto function = std::make_shared<OnnxFunction>();
  for (const FunctionOfX& operand : operands)
    if (operand) function->depth = std::max(function->depth, operand->depth + 1);
  if (function->depth > kDeepest)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("more than {} operators on single numbers stand behind each other", kDeepest));
  std::vector<double> at(operands.size());
  for (std::size_t i = 0; i < kPoints.size(); ++i) {
    for (std::size_t k = 0; k < operands.size(); ++k) at[k] = values_of(operands[k])[i];
    function->y.push_back(formula(at));
  }
  function->formula = formula;
  function->operands = std::move(operands);
  function->node = &node;
  return function;
}

std::optional<LinearFunction> linear(std::span<const double> y) {
  const LinearFunction line{y[kOne] - y[kZero], y[kZero]};
  std::vector<double> expected;
  for (const double x : kPoints) expected.push_back(line.factor * x + line.term);
  if (!std::isfinite(line.factor) || !alike(y, expected)) return {};
  return line;
}

std::optional<base::json::object> activation_giving(std::span<const double> y) {
  const double slope = decimal(y[kLow] / kPoints[kLow]);
  using base::json::object;
  const std::vector<std::pair<const char*, object>> likely{
      {"Rectlin", slope == 0 ? object{} : object{{"slope", slope}}},
      {"Logistic", {}},
      {"Tanh", {}},
      {"Rectlinclip",
       slope == 0 ? object{{"xcut", decimal(y[kHigh])}} : object{{"slope", slope}, {"xcut", decimal(y[kHigh])}}},
      {"HardTanh", {{"low", decimal(y[kLow])}, {"high", decimal(y[kHigh])}}},
      {"Explin", {{"alpha", decimal(-y[kLow])}}},
      {"GELU", {}},
      {"GELU", {{"approximate", "tanh"}}},
      {"SiLU", {}},
      {"HardSwish", {}},
      {"Softplus", {}},
      {"Sign", {}}};
  for (const auto& [name, config] : likely) {
    std::vector<double> expected(kPoints.begin(), kPoints.end());
    try {
      Shelf<Transform>::instance().make(Part{name, config, {}})->reference_forward(expected);
    } catch (const base::Error&) {  // such numbers it does not have
      continue;
    }
    if (!alike(y, expected)) continue;
    object part{{"type", name}};
    if (!config.empty()) part["config"] = config;
    return part;
  }
  return {};
}

}  // namespace neon
