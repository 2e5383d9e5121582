#pragma once
// Functions of single numbers, as exporters write them in several operators: what they are is seen in what they
// compute.
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"

namespace neon {

struct OnnxNode;

/// What an element-wise operator makes of the numbers of its operands.
using Formula = std::function<double(std::span<const double>)>;

/// What element-wise operators have made of a number x so far. nullptr: x.
struct OnnxFunction {
  std::vector<double> y;  ///< at the sample points
  Formula formula;        ///< of the last operator
  std::vector<std::shared_ptr<const OnnxFunction>> operands;
  const OnnxNode* node = nullptr;
  int depth = 1;  ///< operators behind each other
};
using FunctionOfX = std::shared_ptr<const OnnxFunction>;

std::span<const double> sample_points();
/// At the sample points.
std::span<const double> values_of(const FunctionOfX& function);
FunctionOfX applied(const Formula& formula, std::vector<FunctionOfX> operands, const OnnxNode& node);

/// y = factor·x + term.
struct LinearFunction {
  double factor = 1, term = 0;
};
std::optional<LinearFunction> linear(std::span<const double> y);

/// The member of the shelf of activations that gives these numbers, as a model file writes it.
std::optional<base::json::object> activation_giving(std::span<const double> y);

}  // namespace neon
