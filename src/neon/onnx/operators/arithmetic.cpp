// Operators of two numbers: functions of one layer's, sums of branches, what the file adds to or multiplies with a
// layer's.
#include <algorithm>
#include <cmath>

#include "neon/onnx/attention_scores.h"

namespace neon {
namespace {

double plus(std::span<const double> x) { return x[0] + x[1]; }
double minus(std::span<const double> x) { return x[0] - x[1]; }
double times(std::span<const double> x) { return x[0] * x[1]; }
double over(std::span<const double> x) { return x[0] / x[1]; }

void need_two(const OnnxOperation& op) {
  if (op.node().inputs.size() != 2) op.refuse("it needs two inputs");
}

void sum_of_branches(OnnxOperation& op, const std::vector<OnnxView>& views) {
  std::vector<int> edges;
  OnnxView result;
  for (const OnnxView& view : views) {
    const OnnxView whole = op.whole(view);
    if (edges.empty()) result = whole;
    if (whole.order != result.order)
      op.refuse(fmt::format("it adds ({}) and ({}), of which one would have to be spread or turned",
                            fmt::join(result.order.shape(), ", "), fmt::join(whole.order.shape(), ", ")));
    edges.push_back(edges.empty() ? whole.edge : op.reshaped(whole.edge, op.shape_of(result.edge)));
  }
  result.edge = op.sum(edges);
  op.put(std::move(result));
}

OnnxView negative(const OnnxOperation& op, const OnnxView& view) {
  return op.function_of(view, [](std::span<const double> x) { return -x[0]; });
}

void add(OnnxOperation& op) {
  need_two(op);
  if (op.try_element_wise({0, 1}, plus)) return;
  if (!op.is_constant(0) && !op.is_constant(1)) return sum_of_branches(op, {op.view(0), op.view(1)});
  const std::size_t of_view = op.is_constant(0) ? 1 : 0;
  const OnnxView& x = op.view(of_view);
  if (x.edge >= kAttentionEdges) return op.put(masked(op, x, op.constant(1 - of_view)));
  op.put(op.plus_constant(x, op.constant(1 - of_view), op.used_once(of_view)));
}

void sub(OnnxOperation& op) {
  need_two(op);
  if (op.try_element_wise({0, 1}, minus)) return;
  if (op.is_constant(0)) return op.put(op.plus_constant(negative(op, op.view(1)), op.constant(0), false));
  if (!op.is_constant(1)) return sum_of_branches(op, {op.view(0), negative(op, op.view(1))});
  OnnxTensor constant = computed({&op.constant(1)}, [](std::span<const double> x) { return -x[0]; }, false);
  op.put(op.plus_constant(op.view(0), constant, op.used_once(0)));
}

void sum(OnnxOperation& op) {
  if (op.node().inputs.size() == 1) return op.put(op.input(0));
  if (op.node().inputs.size() == 2) return add(op);
  std::vector<OnnxView> views;
  for (std::size_t i = 0; i < op.node().inputs.size(); ++i) views.push_back(op.view(i));
  sum_of_branches(op, views);
}

void mul(OnnxOperation& op) {
  need_two(op);
  if (op.try_element_wise({0, 1}, times)) return;
  if (!op.is_constant(0) && !op.is_constant(1)) op.refuse("it multiplies what two layers give, which no layer does");
  const std::size_t of_view = op.is_constant(0) ? 1 : 0;
  op.put(op.times_constant(op.view(of_view), op.constant(1 - of_view), op.used_once(of_view)));
}

void div(OnnxOperation& op) {
  need_two(op);
  if (op.try_element_wise({0, 1}, over)) return;
  if (!op.is_constant(1)) op.refuse("it divides by what a layer gives, which no layer does");
  const OnnxTensor reciprocal = computed({&op.constant(1)}, [](std::span<const double> x) { return 1 / x[0]; }, false);
  op.put(op.times_constant(op.view(0), reciprocal, op.used_once(0)));
}

/// scikit-learn's StandardScaler.
void scaler(OnnxOperation& op) {
  const auto spread = [&](const std::string& name, double sign) {
    OnnxTensor numbers{{}, {}, op.attributes.numbers(name)};
    const auto& values = std::get<std::vector<float>>(numbers.values);
    if (values.empty()) op.refuse(fmt::format("{} is missing", name));
    numbers.shape = {static_cast<std::int64_t>(values.size())};
    return computed({&numbers}, [sign](std::span<const double> x) { return sign * x[0]; }, false);
  };
  const OnnxView centred = op.plus_constant(op.view(), spread("offset", -1), false);
  op.put(op.times_constant(centred, spread("scale", 1), false));
}

template <double (*function)(double, double)>
void of_two(OnnxOperation& op) {
  need_two(op);
  op.element_wise({0, 1}, [](std::span<const double> x) { return function(x[0], x[1]); });
}

/// Least and largest of any number of inputs.
template <double (*function)(double, double)>
void of_all(OnnxOperation& op) {
  std::vector<std::size_t> inputs;
  for (std::size_t i = 0; i < op.node().inputs.size(); ++i) inputs.push_back(i);
  op.element_wise(inputs, [](std::span<const double> x) {
    double result = x[0];
    for (const double value : x) result = function(result, value);
    return result;
  });
}

void where(OnnxOperation& op) {
  const bool of_scores = op.is_constant(0) && op.is_constant(1) != op.is_constant(2) &&
                         op.view(op.is_constant(1) ? 2 : 1).edge >= kAttentionEdges;
  if (of_scores) {
    const std::size_t other = op.is_constant(1) ? 1 : 2;
    const OnnxTensor mask = computed(
        {&op.constant(0), &op.constant(other)},
        [&](std::span<const double> x) { return (x[0] != 0) == (other == 1) ? x[1] : 0; }, false);
    return op.put(masked(op, op.view(3 - other), mask));
  }
  op.element_wise({0, 1, 2}, [](std::span<const double> x) { return x[0] != 0 ? x[1] : x[2]; });
}

constexpr std::string_view kPart = "part of an activation, or of a constant";

const OnOnnxShelf registered[]{
    OnOnnxShelf(
        {"Add",
         "MergeSum of branches; Bias for a constant, of sequences and maps behind a Reshape where it varies within "
         "a feature",
         "branches whose shapes differ",
         {{"axis"}, {"broadcast"}},
         add}),
    OnOnnxShelf({"Sum", "MergeSum", "", {}, sum}),
    OnOnnxShelf({"Sub", "MergeSum or Bias, with a factor of -1", "", {}, sub}),
    OnOnnxShelf(
        {"Mul",
         "Activation Normalizer for one factor; a Convolution of one filter for each map for several; part of an "
         "activation or norm",
         "products of what two layers give",
         {},
         mul}),
    OnOnnxShelf({"Div", "as Mul", "divisors that are no constants", {}, div}),
    OnOnnxShelf({"ai.onnx.ml.Scaler",
                 "Bias, and a Convolution of one filter for each feature",
                 "",
                 {{"offset"}, {"scale"}},
                 scaler}),
    OnOnnxShelf({"Pow", kPart, "", {}, of_two<[](double x, double y) { return std::pow(x, y); }>}),
    OnOnnxShelf({"Mod", kPart, "", {{"fmod"}}, of_two<[](double x, double y) { return std::fmod(x, y); }>}),
    OnOnnxShelf({"Min", kPart, "", {}, of_all<[](double x, double y) { return std::min(x, y); }>}),
    OnOnnxShelf({"Max", kPart, "", {}, of_all<[](double x, double y) { return std::max(x, y); }>}),
    OnOnnxShelf({"Equal", kPart, "", {}, of_two<[](double x, double y) { return x == y ? 1.0 : 0.0; }>}),
    OnOnnxShelf({"Greater", kPart, "", {}, of_two<[](double x, double y) { return (x > y) ? 1.0 : 0.0; }>}),
    OnOnnxShelf({"GreaterOrEqual", kPart, "", {}, of_two<[](double x, double y) { return x >= y ? 1.0 : 0.0; }>}),
    OnOnnxShelf({"Less", kPart, "", {}, of_two<[](double x, double y) { return x < y ? 1.0 : 0.0; }>}),
    OnOnnxShelf({"LessOrEqual", kPart, "", {}, of_two<[](double x, double y) { return x <= y ? 1.0 : 0.0; }>}),
    OnOnnxShelf({"And", kPart, "", {}, of_two<[](double x, double y) { return x != 0 && y != 0 ? 1.0 : 0.0; }>}),
    OnOnnxShelf({"Or", kPart, "", {}, of_two<[](double x, double y) { return x != 0 || y != 0 ? 1.0 : 0.0; }>}),
    OnOnnxShelf({"Where", "part of an activation, of a constant or of an attention's mask", "", {}, where})};

}  // namespace
}  // namespace neon
