// Operators that take parts of numbers.
#include <algorithm>

#include "base/error.h"
#include "neon/onnx/reading.h"

namespace neon {
namespace {

tensor::Shape shape_of_input(const OnnxOperation& op) {
  return op.is_constant(0) ? op.constant(0).shape : op.view().order.shape();
}

struct Part {
  std::size_t axis;
  std::int64_t start, count, step;
};

/// Of constants, also nothing, and backwards.
OnnxTensor taken(const OnnxTensor& tensor, const std::vector<Part>& parts) {
  Strided order = in_order(tensor.shape);
  for (const Part& part : parts) {
    const std::int64_t stride = order.axes[part.axis].empty() ? 0 : order.axes[part.axis][0].stride;
    order.offset += part.count == 0 ? 0 : part.start * stride;
    order.axes[part.axis] = {{part.count, stride * part.step}};
  }
  return ordered(tensor, order);
}

void slice(OnnxOperation& op) {
  const tensor::Shape from = shape_of_input(op);
  const std::vector<std::int64_t> starts = op.list("starts", 1, {}), ends = op.list("ends", 2, {});
  std::vector<std::int64_t> axes(starts.size()), steps(starts.size(), 1);
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
  axes = op.list("axes", 3, axes);
  if (op.has(4)) steps = op.integers(4);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    op.refuse("starts, ends, axes and steps are not as many");
  std::vector<Part> parts;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t axis = axis_of(axes[i], from.size());
    const std::int64_t extent = from[axis], step = steps[i];
    if (step == 0) op.refuse("a step is 0");
    // Places beyond the ends mean the ends; backwards that is one before the first.
    const std::int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? extent : extent - 1;
    const auto place = [&](std::int64_t at) {
      return at < -extent ? lowest : std::min(at < 0 ? at + extent : at, highest);
    };
    const std::int64_t start = std::max<std::int64_t>(place(starts[i]), 0), end = place(ends[i]);
    const std::int64_t way = step > 0 ? end - start : start - end,
                       size = step > 0 ? step : -std::max(step, -extent - 1);
    const std::int64_t count = way > 0 ? (way - 1) / size + 1 : 0;
    parts.push_back({axis, start, count, count < 2 ? 1 : step > 0 ? step : -size});
  }
  if (op.is_constant(0)) return op.put(std::make_shared<const OnnxTensor>(taken(op.constant(0), parts)));
  op.seen_as([&](Strided order) {
    for (const Part& part : parts) order = order.sliced(part.axis, part.start, part.count, part.step);
    return order;
  });
}

void split(OnnxOperation& op) {
  const tensor::Shape from = shape_of_input(op);
  const std::size_t axis = axis_of(op.attributes.integer("axis", 0), from.size()), count = op.node().outputs.size();
  const auto parts = static_cast<std::int64_t>(count);
  const std::int64_t most = (from[axis] + parts - 1) / parts;  // the last one may have less
  std::vector<std::int64_t> equal(count, most);
  equal.back() = from[axis] - most * (parts - 1);
  const std::vector<std::int64_t> sizes = op.list("split", 1, equal);
  if (sizes.size() != count) op.refuse(fmt::format("{} sizes for {} outputs", sizes.size(), count));
  std::int64_t start = 0;
  for (std::size_t i = 0; i < count; start += sizes[i++]) {
    if (!op.wants(i)) continue;
    if (op.is_constant(0)) {
      const OnnxTensor& tensor = op.constant(0);
      op.put(
          std::make_shared<const OnnxTensor>(ordered(tensor, in_order(tensor.shape).sliced(axis, start, sizes[i], 1))),
          i);
      continue;
    }
    OnnxView part = op.view();
    part.order = part.order.sliced(axis, start, sizes[i], 1);
    op.put(std::move(part), i);
  }
}

/// Rows of a table for whole numbers that come in.
void embedding(OnnxOperation& op) {
  const OnnxTensor& table = op.constant(0);
  if (table.shape.size() != 2 || axis_of(op.attributes.integer("axis", 0), 2) != 0)
    op.refuse("what comes in can only choose rows of a matrix");
  const OnnxView x = op.whole(1);
  if (x.order.rank() != 2 || !x.order.is_batch(0) || op.shape_of(x.edge).size() != 1)
    op.refuse(fmt::format("rows are chosen by a sequence of numbers, (n, time steps), but ({}) come in",
                          fmt::join(x.order.shape(), ", ")));
  const std::int64_t steps = op.count_of(x.edge), features = table.shape[1];
  const base::json::object init{{"type", "GlorotUniform"}};
  const int edge =
      op.layer("LookupTable", {{"vocab_size", table.shape[0]}, {"embedding_dim", features}, {"init", init}}, x.edge);
  op.parameter("W", table.shape, op.floats(0));
  OnnxView y{edge, x.order, {}, {}, 0};
  y.order.axes.push_back(merged({{features, steps}}));
  op.put(std::move(y));
}

void gather(OnnxOperation& op) {
  if (!op.is_constant(1)) return embedding(op);
  const tensor::Shape from = shape_of_input(op);
  const std::size_t axis = axis_of(op.attributes.integer("axis", 0), from.size());
  std::vector<std::int64_t> places = op.integers(1);
  for (std::int64_t& place : places) place += place < 0 ? from[axis] : 0;
  const tensor::Shape& chosen = op.constant(1).shape;
  if (chosen.size() > 1 || places.empty()) op.refuse("what is taken must be one number or a list");
  const std::int64_t step = places.size() > 1 ? places[1] - places[0] : 1;
  for (std::size_t i = 1; i < places.size(); ++i)
    if (places[i] - places[i - 1] != step) op.refuse("what is taken must lie equally far apart");
  op.seen_as([&](const Strided& order) {
    const Strided taken = order.sliced(axis, places[0], static_cast<std::int64_t>(places.size()), step);
    return chosen.empty() ? taken.without(axis) : taken;
  });
}

const OnOnnxShelf registered[]{
    OnOnnxShelf({"Slice",
                 "RecurrentLast for the last time step, Pooling for the first; parts of an attention",
                 "other parts of what layers give",
                 {{"starts"}, {"ends"}, {"axes"}},
                 slice}),
    OnOnnxShelf({"Split",
                 "parts of an attention",
                 "other parts of what layers give",
                 {{"axis"}, {"split"}, {"num_outputs"}},
                 split}),
    OnOnnxShelf({"Gather", "LookupTable for whole numbers that come in; else as Slice", "", {{"axis"}}, gather})};

}  // namespace
}  // namespace neon
