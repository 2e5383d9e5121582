// What changes nothing in prediction.
#include <algorithm>

#include "neon/onnx/reading.h"

namespace neon {
namespace {

void pass(OnnxOperation& op) { op.put(op.input(0)); }

void dropout(OnnxOperation& op) {
  if (op.wants(1)) op.refuse("its mask is read");
  pass(op);
}

/// Kinds of numbers matter for constants alone: what layers give is f32.
void cast(OnnxOperation& op) {
  constexpr std::int64_t kFloat = 1, kHalf = 10, kDouble = 11, kBool = 9;
  const std::int64_t to = op.attributes.integer("to", kFloat);
  if (!op.is_constant(0)) return pass(op);
  const bool whole = to != kFloat && to != kHalf && to != kDouble;
  op.put(std::make_shared<const OnnxTensor>(computed(
      {&op.constant(0)}, [&](std::span<const double> x) { return to == kBool ? (x[0] != 0 ? 1.0 : 0.0) : x[0]; },
      whole)));
}

void constant(OnnxOperation& op) {
  OnnxTensor tensor = op.attributes.tensor("value");
  if (op.attributes.has("value_float")) tensor = {{}, {}, std::vector<float>{op.attributes.number("value_float", 0)}};
  if (op.attributes.has("value_floats")) {
    tensor.values = op.attributes.numbers("value_floats");
    tensor.shape = {static_cast<std::int64_t>(std::get<std::vector<float>>(tensor.values).size())};
  }
  if (op.attributes.has("value_int"))
    tensor = {{}, {}, std::vector<std::int64_t>{op.attributes.integer("value_int", 0)}};
  if (op.attributes.has("value_ints")) {
    tensor.values = op.attributes.list("value_ints", {});
    tensor.shape = {static_cast<std::int64_t>(std::get<std::vector<std::int64_t>>(tensor.values).size())};
  }
  const bool whole = std::find(tensor.shape.begin(), tensor.shape.end(), 0) == tensor.shape.end();
  const std::int64_t count = whole ? tensor::element_count(tensor.shape) : 0;
  const bool unread = std::holds_alternative<OnnxUnread>(tensor.values);
  if (!unread && static_cast<std::int64_t>(doubles(tensor).size()) != count) op.refuse("it has no value that is read");
  op.put(std::make_shared<const OnnxTensor>(std::move(tensor)));
}

const OnOnnxShelf registered[]{
    OnOnnxShelf({"Identity", "nothing", "", {}, pass}),
    OnOnnxShelf(
        {"Dropout", "nothing: it does nothing in prediction", "its mask", {{"ratio"}, {"seed"}, {"is_test"}}, dropout}),
    OnOnnxShelf({"Cast", "nothing", "", {{"to"}, {"saturate"}}, cast}),
    OnOnnxShelf({"Constant",
                 "a constant",
                 "sparse ones and texts",
                 {{"value"}, {"value_float"}, {"value_floats"}, {"value_int"}, {"value_ints"}},
                 constant})};

}  // namespace
}  // namespace neon
