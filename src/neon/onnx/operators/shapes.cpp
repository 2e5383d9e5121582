// Operators that change how numbers are seen, and those that compute shapes for them.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "neon/onnx/reading.h"

namespace neon {
namespace {

tensor::Shape shape_of_input(const OnnxOperation& op, std::size_t i) {
  return op.is_constant(i) ? op.constant(i).shape : op.view(i).order.shape();
}

std::int64_t product(const tensor::Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape)
    if (__builtin_mul_overflow(count, extent, &count))
      throw base::Error(base::Code::invalid_argument, "extents are too large");
  return count;
}

void reshape(OnnxOperation& op) {
  tensor::Shape to = op.list("shape", 1, {});
  const tensor::Shape from = shape_of_input(op, 0);
  const std::int64_t count = product(from);
  std::int64_t known = 1;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] == 0 && op.attributes.integer("allowzero", 0) == 0) to[i] = i < from.size() ? from[i] : 0;
    if (to[i] < -1 || to[i] == 0) op.refuse(fmt::format("({}) is no shape", fmt::join(to, ", ")));
    if (to[i] > 0) known = product({known, to[i]});
  }
  const auto open = std::find(to.begin(), to.end(), -1);
  if (open != to.end()) *open = count % known == 0 ? count / known : 0;
  op.seen_as([&](const Strided& order) { return order.reshaped(to); });
}

void flatten(OnnxOperation& op) {
  const tensor::Shape from = shape_of_input(op, 0);
  const std::int64_t axis = op.attributes.integer("axis", 1);
  const auto rank = static_cast<std::int64_t>(from.size());
  if (axis < -rank || axis > rank) op.refuse(fmt::format("axis {} is outside of {} extents", axis, rank));
  const auto middle = from.begin() + static_cast<std::ptrdiff_t>(axis < 0 ? axis + rank : axis);
  const tensor::Shape to{product({from.begin(), middle}), product({middle, from.end()})};
  op.seen_as([&](const Strided& order) { return order.reshaped(to); });
}

void transpose(OnnxOperation& op) {
  std::vector<std::int64_t> backwards;
  for (auto i = static_cast<std::int64_t>(shape_of_input(op, 0).size()); i-- > 0;) backwards.push_back(i);
  const std::vector<std::int64_t> order = op.attributes.list("perm", backwards);
  op.seen_as([&](const Strided& seen) { return seen.transposed(order); });
}

/// From the largest on, so that those before stay where they are.
std::vector<std::size_t> axes_of(OnnxOperation& op, std::size_t rank) {
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : op.list("axes", 1, {})) axes.push_back(axis_of(axis, rank));
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) op.refuse("an axis stands there twice");
  return axes;
}

void squeeze(OnnxOperation& op) {
  const tensor::Shape from = shape_of_input(op, 0);
  std::vector<std::size_t> axes = axes_of(op, from.size());
  if (axes.empty())
    for (std::size_t i = 0; i < from.size(); ++i)
      if (from[i] == 1) axes.push_back(i);
  op.seen_as([&](Strided order) {
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) order = order.without(*axis);
    return order;
  });
}

void unsqueeze(OnnxOperation& op) {
  const std::size_t more = op.list("axes", 1, {}).size();
  const std::vector<std::size_t> axes = axes_of(op, shape_of_input(op, 0).size() + more);
  op.seen_as([&](Strided order) {
    for (const std::size_t axis : axes) order = order.with_one(axis);
    return order;
  });
}

/// The value in so many places. What has the batch as a factor stays 1, since its readers spread it anyway.
OnnxTensor spread(const OnnxOperation& op, const OnnxTensor& tensor, tensor::Shape to) {
  for (std::int64_t& extent : to)
    if (extent >= op.batch() && op.batch() > (1 << 24)) extent = 1;
  const auto count = static_cast<std::size_t>(std::find(to.begin(), to.end(), 0) == to.end() ? product(to) : 0);
  if (count > 1 << 24) op.refuse("a constant is too large to compute");
  OnnxTensor ones{{}, std::move(to), std::vector<std::int64_t>(count, 1)};
  const bool whole = std::holds_alternative<std::vector<std::int64_t>>(tensor.values);
  return computed({&tensor, &ones}, [](std::span<const double> x) { return x[0]; }, whole);
}

void expand(OnnxOperation& op) {
  const std::vector<std::int64_t> to = op.integers(1);
  if (op.is_constant(0)) return op.put(std::make_shared<const OnnxTensor>(spread(op, op.constant(0), to)));
  const tensor::Shape from = op.view().order.shape();
  bool same = to.size() <= from.size();
  for (std::size_t i = 0; same && i < to.size(); ++i) same = to[i] == 1 || to[i] == from[from.size() - to.size() + i];
  if (!same) op.refuse(fmt::format("({}) is spread over ({})", fmt::join(from, ", "), fmt::join(to, ", ")));
  op.put(op.input(0));
}

void shape(OnnxOperation& op) {
  const tensor::Shape all = shape_of_input(op, 0);
  const auto rank = static_cast<std::int64_t>(all.size());
  const auto place = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t start = place(op.attributes.integer("start", 0)), end = place(op.attributes.integer("end", rank));
  const std::vector<std::int64_t> taken(all.begin() + start, all.begin() + std::max(start, end));
  op.put_integers(taken, {static_cast<std::int64_t>(taken.size())});
}

void size(OnnxOperation& op) { op.put_integers({product(shape_of_input(op, 0))}, {}); }

void constant_of_shape(OnnxOperation& op) {
  OnnxTensor value = op.attributes.tensor("value");
  if (doubles(value).empty()) value.values = std::vector<float>{0};
  value.shape.clear();
  op.put(std::make_shared<const OnnxTensor>(spread(op, value, op.integers(0))));
}

void range(OnnxOperation& op) {
  const double start = op.number(0), end = op.number(1), step = op.number(2);
  const double count = std::ceil((end - start) / step);
  if (!(count >= 0 && count <= 1 << 20 && std::abs(start) < 1e15 && std::abs(end) < 1e15))
    op.refuse("it has over a million numbers, or too large ones");
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i)
    numbers.push_back(static_cast<std::int64_t>(start + static_cast<double>(i) * step));
  op.put_integers(numbers, {static_cast<std::int64_t>(numbers.size())});
}

/// Of a constant, what is above or below a diagonal.
void trilu(OnnxOperation& op) {
  OnnxTensor tensor = op.constant(0);
  const std::size_t rank = tensor.shape.size();
  if (rank < 2) op.refuse("it is of no matrix");
  const bool upper = op.attributes.integer("upper", 1) != 0;
  const std::int64_t diagonal = op.has(1) && op.integers(1).size() == 1 ? op.integers(1)[0] : 0;
  if (diagonal < -(1 << 24) || diagonal > (1 << 24)) op.refuse("its diagonal is too far away");
  const std::int64_t rows = tensor.shape[rank - 2], columns = tensor.shape[rank - 1];
  const auto cut = [&](auto& numbers) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t ahead = at % columns - at / columns % rows - diagonal;
      if (upper ? ahead < 0 : ahead > 0) numbers[i] = 0;
    }
  };
  if (auto* numbers = std::get_if<std::vector<float>>(&tensor.values)) cut(*numbers);
  if (auto* numbers = std::get_if<std::vector<std::int64_t>>(&tensor.values)) cut(*numbers);
  op.put(std::make_shared<const OnnxTensor>(std::move(tensor)));
}

constexpr std::string_view kSeen = "nothing, or a Reshape where a layer needs the shape";

const OnOnnxShelf registered[]{
    OnOnnxShelf({"Reshape",
                 kSeen,
                 "shapes that are not known before an example comes in",
                 {{"allowzero"}, {"shape"}},
                 reshape}),
    OnOnnxShelf({"Flatten", kSeen, "", {{"axis"}}, flatten}),
    OnOnnxShelf({"Transpose",
                 "nothing: layers read numbers in neon's order, weights are turned instead",
                 "where that cannot be, such as a convolution over features",
                 {{"perm"}},
                 transpose}),
    OnOnnxShelf({"Squeeze", kSeen, "", {{"axes"}}, squeeze}),
    OnOnnxShelf({"Unsqueeze", kSeen, "", {{"axes"}}, unsqueeze}),
    OnOnnxShelf({"Expand", "nothing", "of what layers give, unless it changes nothing", {}, expand}),
    OnOnnxShelf({"Shape", "part of a shape", "", {{"start"}, {"end"}}, shape}),
    OnOnnxShelf({"Size", "part of a shape", "", {}, size}),
    OnOnnxShelf({"ConstantOfShape", "a constant", "", {{"value"}}, constant_of_shape}),
    OnOnnxShelf({"Trilu", "a constant, such as a mask", "of what layers give", {{"upper"}}, trilu}),
    OnOnnxShelf({"Range", "a constant", "", {}, range})};

}  // namespace
}  // namespace neon
