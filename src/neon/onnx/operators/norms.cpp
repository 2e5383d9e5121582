#include <algorithm>

#include "base/error.h"
#include "neon/onnx/reading.h"

namespace neon {
namespace {

base::json::object eps_of(OnnxOperation& op) { return {{"eps", decimal(op.attributes.number("epsilon", 1e-5f))}}; }

void batch_normalization(OnnxOperation& op) {
  OnnxView x = op.whole();
  if (x.order.rank() < 2) op.refuse("its input has no features");
  x.edge = op.layer("BatchNorm", eps_of(op), op.features_first(x, 1));
  std::size_t i = 1;
  for (const char* name : {"gamma", "beta", "gmean", "gvar"}) {
    op.parameter(name, op.constant(i).shape, op.floats(i));
    ++i;
  }
  op.put(std::move(x));
}

/// One number for each feature map of one for each group.
std::vector<float> of_maps(const OnnxOperation& op, const std::vector<float>& values, std::int64_t maps,
                           std::int64_t groups) {
  const auto count = static_cast<std::int64_t>(values.size());
  if (count == maps) return values;
  if (count != groups) op.refuse(fmt::format("it has {} factors for {} maps in {} groups", count, maps, groups));
  std::vector<float> result;
  for (std::int64_t c = 0; c < maps; ++c) result.push_back(values[static_cast<std::size_t>(c / (maps / groups))]);
  return result;
}

void normalise_groups(OnnxOperation& op, OnnxView x, int edge, std::int64_t groups) {
  const std::int64_t maps = op.shape_of(edge)[0];
  base::json::object config = eps_of(op);
  config["groups"] = groups;
  x.edge = op.layer("GroupNorm", std::move(config), edge);
  op.parameter("gamma", {maps}, of_maps(op, op.floats(1), maps, groups));
  op.parameter("beta", {maps}, of_maps(op, op.floats(2), maps, groups));
  op.put(std::move(x));
}

/// Also of groups, which exporters make feature maps of for it.
void instance_normalization(OnnxOperation& op) {
  const OnnxView x = op.whole();
  if (x.order.rank() < 3) op.refuse("its input has no places");
  const std::int64_t groups = x.order.extent(1), maps = op.shape_of(x.edge)[0];
  const bool of_groups = x.order.runs({1}) == merged({{groups, op.count_of(x.edge) / groups}}) && maps % groups == 0;
  normalise_groups(op, x, of_groups ? x.edge : op.features_first(x, 1), groups);
}

void group_normalization(OnnxOperation& op) {
  const OnnxView x = op.whole();
  if (x.order.rank() < 2) op.refuse("its input has no features");
  const std::int64_t groups = op.attributes.integer("num_groups", 1);
  const int edge = op.features_first(x, 1);
  if (groups < 1 || op.shape_of(edge)[0] % groups != 0) op.refuse("its groups are not alike");
  normalise_groups(op, x, edge, groups);
}

void layer_normalization(OnnxOperation& op) {
  OnnxView x = op.whole();
  const std::size_t rank = x.order.rank(), axis = axis_of(op.attributes.integer("axis", -1), rank);
  std::vector<std::size_t> normalised, others;
  for (const std::int64_t listed : op.attributes.list("axes", {})) normalised.push_back(axis_of(listed, rank));
  for (std::size_t i = axis; normalised.empty() && i < rank; ++i) normalised.push_back(i);
  std::sort(normalised.begin(), normalised.end());
  for (std::size_t i = 0; i < rank; ++i)
    if (std::find(normalised.begin(), normalised.end(), i) == normalised.end()) others.push_back(i);
  const Axis features = x.order.runs(normalised);
  const std::int64_t steps = extent_of(x.order.runs(others)), count = extent_of(features);
  bool apart = cover(x.order.runs(others), steps);
  for (const Run& run : features) apart = apart && run.stride % steps == 0;
  if (!apart) op.refuse(fmt::format("its input ({}) lies in another order", fmt::join(x.order.shape(), ", ")));
  const bool is_sequence = op.shape_of(x.edge).size() == 2 && op.shape_of(x.edge)[1] > 1;
  if (steps > 1)
    x.edge = op.reshaped(x.edge, {count, steps});
  else if (is_sequence)
    x.edge = op.reshaped(x.edge, {count});
  x.edge = op.layer("LayerNorm", eps_of(op), x.edge);
  const std::vector<std::int64_t> at = places(features);
  const auto ordered = [&](std::size_t i, float when_absent) {
    std::vector<float> values(static_cast<std::size_t>(count), when_absent);
    if (!op.has(i)) return values;
    const std::vector<float>& from = op.floats(i);
    if (from.size() != values.size()) op.refuse("it has not a factor and a term for each number");
    for (std::size_t k = 0; k < from.size(); ++k) values[static_cast<std::size_t>(at[k] / steps)] = from[k];
    return values;
  };
  op.parameter("gamma", {count}, ordered(1, 1));
  op.parameter("beta", {count}, ordered(2, 0));
  op.put(std::move(x));
}

void lrn(OnnxOperation& op) {
  OnnxView x = op.whole();
  const std::size_t rank = x.order.rank();
  const double bias = op.attributes.number("bias", 1), alpha = op.attributes.number("alpha", 1e-4f),
               beta = op.attributes.number("beta", 0.75f);
  if (!(bias > 0)) op.refuse(fmt::format("bias must be over 0, got {}", bias));
  const base::json::object config{
      {"depth", op.attributes.integer("size", 1)}, {"ascale", decimal(alpha / bias)}, {"bpower", decimal(beta)}};
  x = op.of_maps(op.layer("LRN", config, op.maps(x)), rank);
  const double factor = std::pow(bias, -beta);
  op.put(op.function_of(std::move(x), [factor](std::span<const double> v) { return factor * v[0]; }));
}

const OnOnnxShelf registered[]{
    OnOnnxShelf({"BatchNormalization",
                 "BatchNorm",
                 "training_mode",
                 {{"epsilon"}, {"momentum"}, {"training_mode", 0}, {"spatial", 1}, {"is_test"}},
                 batch_normalization}),
    OnOnnxShelf({"InstanceNormalization", "GroupNorm", "", {{"epsilon"}}, instance_normalization}),
    OnOnnxShelf(
        {"GroupNormalization", "GroupNorm", "", {{"epsilon"}, {"num_groups"}, {"stash_type", 1}}, group_normalization}),
    OnOnnxShelf({"LayerNormalization",
                 "LayerNorm",
                 "",
                 {{"axis"}, {"axes"}, {"epsilon"}, {"stash_type", 1}},
                 layer_normalization}),
    OnOnnxShelf({"LRN", "LRN", "an even size", {{"alpha"}, {"beta"}, {"bias"}, {"size"}}, lrn})};

}  // namespace
}  // namespace neon
