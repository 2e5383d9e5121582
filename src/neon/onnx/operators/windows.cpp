#include "neon/onnx/operators/windows.h"

#include <algorithm>

#include "base/error.h"

namespace neon {
namespace {

/// Windows, steps and paddings have no larger extents: products of them fit.
constexpr std::int64_t kLargestExtent = 65535;

void check(const OnnxOperation& op, std::string_view what, const std::vector<std::int64_t>& list, std::size_t count,
           std::int64_t least) {
  const bool fits =
      std::all_of(list.begin(), list.end(), [&](std::int64_t n) { return n >= least && n <= kLargestExtent; });
  if (list.size() != count || !fits)
    op.refuse(fmt::format("{} must be {} numbers from {} to {}", what, count, least, kLargestExtent));
}

std::int64_t spread_of(const OnnxWindow& window, std::size_t i) {
  return window.dilations[i] * (window.kernel[i] - 1) + 1;
}

}  // namespace

OnnxWindow window_of(OnnxOperation& op, const std::vector<std::int64_t>& kernel_when_absent, std::size_t rank) {
  if (rank < 3 || rank > 5) op.refuse(fmt::format("it slides over a value of {} extents", rank));
  const std::size_t count = rank - 2;
  const std::vector<std::int64_t> ones(count, 1);
  OnnxWindow w{op.attributes.list("kernel_shape", kernel_when_absent),
               op.attributes.list("strides", ones),
               op.attributes.list("pads", std::vector<std::int64_t>(2 * count, 0)),
               {},
               op.attributes.list("dilations", ones)};
  check(op, "kernel_shape", w.kernel, count, 1);
  check(op, "strides", w.strides, count, 1);
  check(op, "dilations", w.dilations, count, 1);
  check(op, "pads", w.begins, 2 * count, 0);
  w.ends.assign(w.begins.begin() + static_cast<std::ptrdiff_t>(count), w.begins.end());
  w.begins.resize(count);
  if (count > 1) return w;
  for (auto* list : {&w.kernel, &w.strides, &w.dilations}) list->insert(list->begin(), 1);
  for (auto* list : {&w.begins, &w.ends}) list->insert(list->begin(), 0);
  return w;
}

void pad_automatically(OnnxOperation& op, OnnxWindow& window, const tensor::Shape& in) {
  const std::string how = op.attributes.word("auto_pad", "NOTSET");
  if (how == "NOTSET") return;
  if (how != "VALID" && how != "SAME_UPPER" && how != "SAME_LOWER")
    op.refuse(fmt::format("auto_pad {} is not known here", how));
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::int64_t places = (in[i] - 1) / window.strides[i] + 1;
    const std::int64_t all =
        how == "VALID" ? 0 : std::max<std::int64_t>((places - 1) * window.strides[i] + spread_of(window, i) - in[i], 0);
    window.begins[i] = how == "SAME_LOWER" ? all - all / 2 : all / 2;
    window.ends[i] = all - window.begins[i];
  }
}

std::int64_t places_of(const OnnxWindow& window, const tensor::Shape& in, std::size_t i) {
  return (in[i] + window.begins[i] + window.ends[i] - spread_of(window, i)) / window.strides[i] + 1;
}

base::json::value written(const std::vector<std::int64_t>& extents, const std::array<const char*, 3>& keys) {
  if (extents.size() == 2 && extents[0] == extents[1]) return extents[0];
  base::json::object mapping;
  for (std::size_t i = 0; i < extents.size(); ++i) mapping[keys[i + 3 - extents.size()]] = extents[i];
  return mapping;
}

OnnxTensor with_zeros(const OnnxTensor& filters, const std::vector<std::int64_t>& before,
                      const std::vector<std::int64_t>& behind) {
  const auto& from = std::get<std::vector<float>>(filters.values);
  OnnxTensor result{filters.name, filters.shape, {}};
  for (std::size_t i = 0; i < before.size(); ++i) result.shape[i + 2] += before[i] + behind[i];
  const std::int64_t count = tensor::element_count(result.shape);
  if (count > (1 << 20) && count / 16 > static_cast<std::int64_t>(from.size()))
    throw base::Error(base::Code::too_large, "padding that differs so much at both ends is not taken over");
  const Strided larger = in_order(result.shape);
  Axis place;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < filters.shape.size(); ++i) {
    const std::int64_t stride = larger.axes[i].empty() ? 0 : larger.axes[i][0].stride;
    place.push_back({filters.shape[i], stride});
    if (i >= 2) offset += before[i - 2] * stride;
  }
  std::vector<float> values(static_cast<std::size_t>(count));
  const std::vector<std::int64_t> at = places(place, std::int64_t{1} << 30);
  for (std::size_t i = 0; i < from.size(); ++i) values.at(static_cast<std::size_t>(offset + at[i])) = from[i];
  result.values = std::move(values);
  return result;
}

tensor::Shape filters_shape(const tensor::Shape& shape) {
  if (shape.size() != 3) return shape;
  return {shape[0], shape[1], 1, shape[2]};
}

}  // namespace neon
