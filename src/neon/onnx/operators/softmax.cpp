#include "neon/onnx/attention_scores.h"

namespace neon {
namespace {

/// Up to version 12 it is over everything from the axis on; since then over the axis alone.
void softmax(OnnxOperation& op) {
  OnnxView x = op.view();
  const bool from_axis_on = op.opset() < 13;
  const std::size_t rank = x.order.rank();
  std::size_t axis = axis_of(op.attributes.integer("axis", from_axis_on ? 1 : -1), rank);
  const Strided seen = x.order;
  if (from_axis_on) {
    while (x.order.rank() > axis + 1) {
      Axis& last = x.order.axes[axis];
      last.insert(last.end(), x.order.axes[axis + 1].begin(), x.order.axes[axis + 1].end());
      last = merged(last);
      x.order.axes.erase(x.order.axes.begin() + static_cast<std::ptrdiff_t>(axis) + 1);
    }
  }
  if (x.edge >= kAttentionEdges) {
    x = weighed(op, x, axis);
    x.order = seen;
    return op.put(std::move(x));
  }
  x = op.whole(x);
  const std::int64_t features = x.order.extent(axis), rest = op.count_of(x.edge) / features;
  if (x.order.runs({axis}) != merged({{features, rest}}))
    op.refuse(fmt::format("it is over extent {} of ({}), which are not the features of a row, a time step or a place",
                          axis, fmt::join(x.order.shape(), ", ")));
  const tensor::Shape shape = op.shape_of(x.edge);
  base::json::value function = "Softmax";
  if (rest == 1) {
    if (shape.size() == 2 && shape[1] > 1) x.edge = op.reshaped(x.edge, {features});
  } else if (shape.size() == 2 || shape[0] != features) {
    x.edge = op.reshaped(x.edge, {features, rest});
  } else {
    function = base::json::object{{"type", "PixelwiseSoftmax"}, {"config", base::json::object{{"c", features}}}};
  }
  x.edge = op.activation(std::move(function), x.edge);
  if (op.opset() >= 13 || x.order.rank() == seen.rank()) return op.put(std::move(x));
  x.order = seen;
  op.put(std::move(x));
}

void log_softmax(OnnxOperation& op) {
  if (!op.is_last()) op.refuse("it is taken over as the last operator only, as Softmax");
  op.note(fmt::format("'{}' gives logarithms of probabilities; here it gives the probabilities", op.node().name));
  softmax(op);
}

const OnOnnxShelf registered_softmax({"Softmax",
                                      "Activation Softmax, of maps PixelwiseSoftmax; part of an Attention",
                                      "other extents than the features",
                                      {{"axis"}},
                                      softmax});
const OnOnnxShelf registered_log_softmax({"LogSoftmax",
                                          "Activation Softmax: probabilities instead of their logarithms",
                                          "in the middle of a network",
                                          {{"axis"}},
                                          log_softmax});

}  // namespace
}  // namespace neon
