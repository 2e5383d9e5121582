// Means and sums over time or places.
#include <algorithm>

#include "base/error.h"
#include "neon/onnx/reading.h"

namespace neon {
namespace {

enum class What { mean, sum, max };

void reduce(OnnxOperation& op, What what) {
  if (op.all_constant()) op.refuse("it reduces a constant");
  OnnxView x = op.whole();
  const std::size_t rank = x.order.rank();
  std::vector<std::size_t> axes, kept;
  for (const std::int64_t axis : op.list("axes", 1, {})) axes.push_back(axis_of(axis, rank));
  if (axes.empty()) op.refuse("it reduces everything, the examples too");
  for (std::size_t i = 0; i < rank; ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) kept.push_back(i);
  const std::int64_t reduced = extent_of(x.order.runs(axes)), count = op.count_of(x.edge);
  const Axis features = x.order.runs(kept);
  bool fits = cover(x.order.runs(axes), reduced);
  for (const Run& run : features) fits = fits && run.stride % reduced == 0;
  for (const std::size_t axis : axes) fits = fits && !x.order.is_batch(axis);
  if (!fits)
    op.refuse(fmt::format("it reduces extents of ({}) that are no time steps or places of {}",
                          fmt::join(x.order.shape(), ", "), tensor::text(op.shape_of(x.edge))));
  const tensor::Shape shape = op.shape_of(x.edge);
  const bool of_maps = shape.size() > 2 && shape[0] * reduced == count;
  if (of_maps && what != What::sum) {
    base::json::object config{{"fshape", "all"}, {"op", what == What::mean ? "avg" : "max"}};
    if (shape.size() == 4) config["fshape"] = base::json::object{{"T", shape[1]}, {"R", shape[2]}, {"S", shape[3]}};
    x.edge = op.layer("Pooling", std::move(config), x.edge);
  } else if (what == What::max) {
    const int maps = op.reshaped(x.edge, {count / reduced, 1, reduced});
    x.edge = op.layer("Pooling", {{"fshape", "all"}, {"op", "max"}}, maps);
  } else {
    const int sequence = op.reshaped(x.edge, {count / reduced, reduced});
    x.edge = op.layer(what == What::mean ? "RecurrentMean" : "RecurrentSum", {}, sequence);
  }
  for (const std::size_t axis : axes) x.order.axes[axis].clear();
  for (Axis& axis : x.order.axes)
    for (Run& run : axis)
      if (run.stride != kBatch) run.stride /= reduced;
  if (op.attributes.integer("keepdims", 1) == 0) {
    std::sort(axes.rbegin(), axes.rend());
    for (const std::size_t axis : axes) x.order = x.order.without(axis);
  }
  op.put(std::move(x));
}

const std::vector<OnnxSetting> kSettings{{"axes"}, {"keepdims"}, {"noop_with_empty_axes"}};
constexpr std::string_view kRefused = "over features or examples";

const OnOnnxShelf registered[]{
    OnOnnxShelf({"ReduceMean", "Pooling avg of places, RecurrentMean of time steps; part of a LayerNorm", kRefused,
                 kSettings, [](OnnxOperation& op) { reduce(op, What::mean); }}),
    OnOnnxShelf({"ReduceSum", "RecurrentSum", kRefused, kSettings, [](OnnxOperation& op) { reduce(op, What::sum); }}),
    OnOnnxShelf({"ReduceMax", "Pooling max", kRefused, kSettings, [](OnnxOperation& op) { reduce(op, What::max); }})};

}  // namespace
}  // namespace neon
