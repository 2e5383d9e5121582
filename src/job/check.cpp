#include "job/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "aeon/preprocessor.h"
#include "base/error.h"
#include "job/memory.h"
#include "neon/cost.h"
#include "neon/metric.h"
#include "neon/optimizer.h"
#include "neon/pairing.h"

namespace job {
namespace {

constexpr double kProcessBytes = 64.0 * (1 << 20);  // the programs and what they make before they see a network

double elements(const tensor::Shape& shape) {
  double count = 1;  // shapes of foreign files may be of any size
  for (const std::int64_t extent : shape) count *= static_cast<double>(extent);
  return count;
}

/// Weights, their gradients and the optimizer's states of one layer.
double parameter_bytes(const neon::Node& node, const neon::Optimizer& optimizer) {
  const int states = optimizer.rule_for(node.name, node.type).state_count();
  double bytes = 0;
  for (const neon::ParameterSpec& parameter : node.parameters)
    bytes += elements(parameter.shape) * sizeof(float) * (parameter.trained ? 2 + states : 1);
  return bytes;
}

/// Whether a layer's output needs memory of its own: what works element by element is done in place or by the layer
/// before.
bool keeps_output(const neon::Node& node) {
  return node.in != node.out ||
         std::any_of(node.parameters.begin(), node.parameters.end(),
                     [](const neon::ParameterSpec& parameter) { return parameter.shape.size() > 1; });
}

std::int64_t least_memory(const neon::Graph& graph, const neon::Optimizer& optimizer, std::int64_t batch_size,
                          tensor::Dtype input) {
  const auto rows = static_cast<double>(batch_size);
  double bytes = kProcessBytes + static_cast<double>(decoding_bytes(0));
  bytes += 2 * rows * elements(graph.sample_shape) * static_cast<double>(tensor::size_of(input));
  for (const neon::Node& node : graph.nodes) {
    bytes += parameter_bytes(node, optimizer);
    if (keeps_output(node)) bytes += rows * elements(node.out) * sizeof(float);
  }
  return static_cast<std::int64_t>(std::min(bytes, 9e18));
}

CheckedModel check_unlocated(neon::ModelSpec spec, std::size_t columns, std::size_t labels) {
  CheckedModel checked;
  checked.section = dataset_section(spec);
  const std::size_t entries = checked.section.loader.etl.size();
  if (columns != 0 && entries != columns)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("the etl list has {} entries, but the manifest has {} columns; there must be one for each", entries,
                    columns),
        "/dataset/etl");
  const aeon::Preprocessor preprocessor(checked.section.loader);
  neon::TargetInfo target;
  target.class_count = static_cast<std::int64_t>(labels);
  checked.graph = neon::build_graph(spec, preprocessor.sample_shape(), target);
  neon::check_statistics(checked.graph, spec.batch_size);
  const auto cost = neon::Shelf<neon::Cost>::instance().make(spec.cost);
  const auto optimizer = neon::Shelf<neon::Optimizer>::instance().make(spec.optimizer);
  neon::Shelf<neon::Metric>::instance().make(spec.metric);
  checked.warnings = neon::pairing_warnings(checked.graph, *cost, spec.cost.type);
  checked.memory_bytes = least_memory(checked.graph, *optimizer, spec.batch_size, preprocessor.sample_dtype());
  checked.spec = std::move(spec);
  return checked;
}

}  // namespace

void check_rest(const neon::ModelSpec& spec, neon::Faults& faults) {
  neon::check_layers(spec, faults);
  faults.watch([&] { aeon::Preprocessor(dataset_section(spec).loader); });
}

CheckedModel check_model(neon::ModelSpec spec, std::size_t columns, std::size_t labels) {
  const neon::ModelSpec named = spec;
  try {
    return check_unlocated(std::move(spec), columns, labels);
  } catch (const base::Error& error) {
    throw neon::located(error, named);
  }
}

CheckedModel check_model(std::string_view yaml, std::string_view file_name, std::size_t columns, std::size_t labels,
                         std::optional<std::int64_t> batch_size) {
  neon::ModelSpec spec = neon::parse_model(yaml, file_name, check_rest);
  if (batch_size) spec.batch_size = *batch_size;
  return check_model(std::move(spec), columns, labels);
}

}  // namespace job
