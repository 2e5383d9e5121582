#include <algorithm>

#include "neon/onnx/operators/windows.h"

namespace neon {
namespace {

/// Whether numbers of this edge are never below 0.
bool is_positive(OnnxOperation& op, const OnnxView& x) {
  const auto samples = values_of(x.function);
  return x.function && std::all_of(samples.begin(), samples.end(), [](double y) { return y >= 0; }) &&
         op.settled(x.edge, x.function) >= 0;
}

/// A Pad before it counts for nothing where no maximum is less.
void add_pads(OnnxOperation& op, const OnnxView& given, OnnxWindow& window, std::size_t rank) {
  if (given.pads.empty()) return;
  const bool counts_for_nothing = given.padded_with < -1e30f || (given.padded_with == 0 && is_positive(op, given));
  if (!counts_for_nothing) op.refuse("a Pad before it counts, but padding of a pooling layer does not");
  const std::size_t ahead = window.begins.size() - (rank - 2);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t before = given.pads[i], behind = given.pads[rank + i];
    if (i < 2 && (before != 0 || behind != 0)) op.refuse("a Pad adds feature maps");
    if (i < 2) continue;
    window.begins[ahead + i - 2] += before;
    window.ends[ahead + i - 2] += behind;
  }
}

void pool(OnnxOperation& op, const char* what) {
  const OnnxView& given = op.view();
  OnnxView x = given;
  x.pads.clear();
  x = op.whole(x);
  const std::size_t rank = x.order.rank();
  const int in = op.maps(x);
  const tensor::Shape extents = extents_of(op.shape_of(in));
  OnnxWindow window = window_of(op, {}, rank);
  if (std::any_of(window.dilations.begin(), window.dilations.end(), [](std::int64_t d) { return d != 1; }))
    op.refuse("dilations of a pooling window must be 1");
  pad_automatically(op, window, extents);
  if (what == std::string_view("max"))
    add_pads(op, given, window, rank);
  else if (!given.pads.empty())
    op.refuse("a Pad before it counts, but padding of a pooling layer does not");
  for (std::size_t i = 0; i < extents.size(); ++i) {
    OnnxWindow same = window;
    same.ends[i] = same.begins[i];
    std::int64_t places = places_of(window, extents, i);
    const std::int64_t rest = extents[i] + window.begins[i] + window.ends[i] - window.kernel[i];
    if (op.attributes.integer("ceil_mode", 0) != 0 && rest % window.strides[i] != 0 &&
        places * window.strides[i] < extents[i] + window.begins[i])
      ++places;
    if (places_of(same, extents, i) != places)
      op.refuse(
          fmt::format("its windows reach beyond the end of extent {} (pads that differ at both ends, or ceil_mode), "
                      "which no layer does",
                      extents[i]));
  }
  base::json::object config{{"fshape", written(window.kernel, kWindowKeys)},
                            {"op", what},
                            {"strides", written(window.strides, kStrideKeys)},
                            {"padding", written(window.begins, kPadKeys)}};
  op.put(op.of_maps(op.layer("Pooling", std::move(config), in), rank));
}

void max_pool(OnnxOperation& op) {
  if (op.wants(1)) op.refuse("the places of the largest are read");
  pool(op, "max");
}
void average_pool(OnnxOperation& op) {
  const std::vector<std::int64_t> pads = op.attributes.list("pads", {});
  const bool padded = std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p != 0; }) ||
                      op.attributes.word("auto_pad", "NOTSET").starts_with("SAME");
  if (padded && op.attributes.integer("count_include_pad", 0) != 0)
    op.refuse("padding does not count here; count_include_pad must be 0");
  pool(op, "avg");
}
void lp_pool(OnnxOperation& op) { pool(op, "l2"); }

void pool_all(OnnxOperation& op, const char* what) {
  const OnnxView x = op.whole();
  const std::size_t rank = x.order.rank();
  const int in = op.maps(x);
  const tensor::Shape extents = extents_of(op.shape_of(in));
  base::json::object config{{"fshape", "all"}, {"op", what}};
  if (extents.size() == 3) config["fshape"] = written(extents, kWindowKeys);
  op.put(op.of_maps(op.layer("Pooling", std::move(config), in), rank));
}

std::vector<OnnxSetting> settings(std::vector<OnnxSetting> more) {
  std::vector<OnnxSetting> all{{"kernel_shape"}, {"strides"}, {"pads"}, {"dilations"}, {"auto_pad"}, {"ceil_mode"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

constexpr std::string_view kRefused = "dilations; windows that reach beyond one end only (pads that differ, ceil_mode)";

const OnOnnxShelf registered[]{
    OnOnnxShelf({"MaxPool", "Pooling max", kRefused, settings({{"storage_order"}}), max_pool}),
    OnOnnxShelf({"AveragePool", "Pooling avg", "padding that counts; dilations; windows that reach beyond one end only",
                 settings({{"count_include_pad"}}), average_pool}),
    OnOnnxShelf({"LpPool", "Pooling l2", kRefused, settings({{"p", 2}}), lp_pool}),
    OnOnnxShelf({"GlobalMaxPool", "Pooling max of all", "", {}, [](OnnxOperation& op) { pool_all(op, "max"); }}),
    OnOnnxShelf({"GlobalAveragePool", "Pooling avg of all", "", {}, [](OnnxOperation& op) { pool_all(op, "avg"); }})};

}  // namespace
}  // namespace neon
