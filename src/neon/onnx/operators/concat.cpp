#include <numeric>

#include "neon/onnx/reading.h"

namespace neon {
namespace {

void concat_constants(OnnxOperation& op) {
  std::vector<double> numbers;
  bool whole = true;
  for (std::size_t i = 0; i < op.node().inputs.size(); ++i) {
    const OnnxTensor& tensor = op.constant(i);
    if (tensor.shape.size() > 1) op.refuse("it joins constants of several extents");
    const std::vector<double> more = doubles(tensor);
    numbers.insert(numbers.end(), more.begin(), more.end());
    if (numbers.size() > 1 << 22) op.refuse("a constant is too large to compute");
    whole = whole && std::holds_alternative<std::vector<std::int64_t>>(tensor.values);
  }
  OnnxTensor joined{{}, {static_cast<std::int64_t>(numbers.size())}, {}};
  if (whole)
    joined.values = std::vector<std::int64_t>(numbers.begin(), numbers.end());
  else
    joined.values = std::vector<float>(numbers.begin(), numbers.end());
  op.put(std::make_shared<const OnnxTensor>(std::move(joined)));
}

/// Strides of the other axes, after what is joined has become longer.
void rescale(Strided& order, std::size_t besides, std::int64_t from, std::int64_t to) {
  for (std::size_t i = 0; i < order.rank(); ++i)
    for (Run& run : order.axes[i])
      if (i != besides && run.stride != kBatch) run.stride = run.stride / from * to;
}

void concat(OnnxOperation& op) {
  if (op.all_constant()) return concat_constants(op);
  const std::size_t count = op.node().inputs.size();
  std::vector<OnnxView> views;
  for (std::size_t i = 0; i < count; ++i) {
    if (op.is_constant(i)) op.refuse("it joins what a layer gives and a constant, which no layer does");
    views.push_back(op.whole(i));
  }
  OnnxView y = views[0];
  const std::size_t axis = axis_of(op.attributes.integer("axis", 1), y.order.rank());
  if (count == 1) return op.put(std::move(y));
  if (y.order.is_batch(axis)) op.refuse("it joins examples");
  std::int64_t extent = 0;
  bool features = true, steps = true;  // what is joined comes first in all of them, or last
  const std::int64_t inner = extent_of(y.order.runs_besides(axis));
  for (const OnnxView& view : views) {
    const std::int64_t own = view.order.extent(axis);
    Strided others = view.order, first = y.order;
    others.axes.at(axis).clear();
    first.axes[axis].clear();
    features = features && others == first && view.order.runs({axis}) == merged({{own, inner}});
    steps = steps && view.order.runs({axis}) == merged({{own, 1}}) &&
            view.order.runs_besides(axis) == merged({{inner, own}});
    extent += own;
  }
  if (!features && !steps)
    op.refuse(fmt::format("({}) and others are joined along extent {}, where they do not lie one after the other",
                          fmt::join(y.order.shape(), ", "), axis));
  std::vector<int> edges;
  const bool rows = features && inner == 1;
  const tensor::Shape& shape = op.shape_of(y.edge);
  for (const OnnxView& view : views) {
    const std::int64_t own = view.order.extent(axis);
    tensor::Shape wanted = features ? tensor::Shape{own, inner} : tensor::Shape{inner, own};
    if (features && shape.size() > 2 && shape[0] == y.order.extent(axis)) {
      wanted = shape;
      wanted[0] = own;
    }
    edges.push_back(rows ? view.edge : op.reshaped(view.edge, wanted));
  }
  if (!features) rescale(y.order, axis, y.order.extent(axis), extent);
  y.order.axes[axis] = merged({{extent, features ? inner : 1}});
  y.edge = op.joined(edges, rows ? Merge::stack : features ? Merge::depth : Merge::recurrent);
  op.put(std::move(y));
}

const OnOnnxShelf registered({"Concat",
                              "MergeBroadcast: stack of rows, depth of features, recurrent of time steps",
                              "other extents, and constants among what is joined",
                              {{"axis"}},
                              concat});

}  // namespace
}  // namespace neon
