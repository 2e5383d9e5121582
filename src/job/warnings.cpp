#include "job/warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace job {
namespace {

template <class Number>
std::pair<double, double> extremes(const tensor::Tensor& tensor) {
  const auto values = tensor.as<const Number>();
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {static_cast<double>(*low), static_cast<double>(*high)};
}

base::json::array parts_of(const std::vector<neon::Part>& parts) {
  base::json::array list;
  for (const neon::Part& part : parts) list.push_back(part.to_json());
  return list;
}

std::string unscaled(double low, double high, bool image) {
  return fmt::format(
      "the inputs of the first batch go from {:.4g} to {:.4g}, and networks learn from about -1 to 1; {}", low, high,
      image ? "scale them in the dataset section, as in `augmentation: [{type: image, mean: [0.5, 0.5, "
              "0.5], stddev: [0.25, 0.25, 0.25]}]`, or begin with a BatchNorm layer"
            : "scale the columns before the upload, or begin with a BatchNorm layer");
}

}  // namespace

std::optional<std::string> unscaled_input(const tensor::Batch& batch, const neon::Graph& graph) {
  constexpr double kFar = 20;
  if (graph.nodes.front().layer->statistics_per_example(graph.nodes.front().ins) > 0) return {};
  for (const tensor::Tensor& input : batch.inputs) {
    if (input.dtype == tensor::Dtype::i32) continue;  // of which a table is read
    const auto [low, high] = input.dtype == tensor::Dtype::u8 ? extremes<std::uint8_t>(input) : extremes<float>(input);
    if (!std::isfinite(low) || !std::isfinite(high) || std::max(-low, high) <= kFar) continue;
    return unscaled(low, high, input.shape.size() > 3);
  }
  return {};
}

std::optional<std::string> unread_target(std::span<const neon::CostTerm> costs, const tensor::SourceInfo& data) {
  for (std::size_t i = 0; i < data.targets.size(); ++i) {
    const auto reads = [&](const neon::CostTerm& term) {
      return !term.cost->reads_target() || term.target_among(data.targets.size()) == i ||
             term.mask == static_cast<std::int64_t>(i);
    };
    if (std::none_of(costs.begin(), costs.end(), reads))
      return fmt::format(
          "no cost reads the target '{}' of the data; a mask is for GeneralizedCostMask, a second target for a "
          "Multicost, and a column that is not needed for etl type unused",
          data.targets[i].name);
  }
  return {};
}

std::optional<std::string> unused_outputs(const neon::Graph& graph, const tensor::SourceInfo& data) {
  const auto classes = static_cast<std::int64_t>(data.labels.size());
  if (classes == 0 || graph.adversaries ||
      (!data.targets.empty() && data.targets.front().dtype != tensor::Dtype::i32) || graph.columns() <= classes)
    return {};
  return fmt::format("the last layer '{}' has {} outputs, but the data has {} classes; {} outputs will never be right",
                     graph.maker_of()->name, graph.columns(), classes, graph.columns() - classes);
}

std::vector<std::string> resume_warnings(const CheckedModel& now, const neon::Checkpoint& before) {
  const aeon::LoaderConfig loader = loader_config_of(before.preprocessing);
  const bool shuffled = loader.shuffle_enable.value_or(true),
             shuffles = now.section.loader.shuffle_enable.value_or(true);
  if (before.position.batch > 0 && shuffled != shuffles)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("the checkpoint stands within epoch {} of records in an order with shuffle_enable {}, "
                    "this training has shuffle_enable {}; resume with the same, or from the end of an epoch",
                    before.position.epoch, shuffled, shuffles),
        "/dataset/shuffle_enable");
  std::vector<std::string> warnings;
  const auto warn = [&](const char* what) {
    warnings.push_back(
        fmt::format("{} of the model file {} not those of the checkpoint; training goes on with the file's", what,
                    what == std::string_view("the cost") ? "is" : "are"));
  };
  if (parts_of(before.spec.layers) != parts_of(now.spec.layers)) warn("the layers");
  if (before.spec.cost.to_json() != now.spec.cost.to_json()) warn("the cost");
  if (preprocessing_of(now.section) != before.preprocessing) warn("the etl and augmentation");
  return warnings;
}

}  // namespace job
