#include "job/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "aeon/preprocessor.h"
#include "base/error.h"
#include "base/text.h"
#include "job/memory.h"
#include "neon/cost.h"
#include "neon/memory.h"
#include "neon/metric.h"
#include "neon/optimizer.h"
#include "neon/pairing.h"
#include "neon/trainer.h"
#include "records/vocabulary.h"

namespace job {
namespace {

constexpr double kProcessBytes = 64.0 * (1 << 20);  // the programs and what they make before they see a network

double elements(const tensor::Shape& shape) {
  double count = 1;  // shapes of foreign files may be of any size
  for (const std::int64_t extent : shape) count *= static_cast<double>(extent);
  return count;
}

/// The network, the batches that the loader holds ahead and the process itself.
std::int64_t memory_needed(const neon::Graph& graph, const neon::PlanOptions& options) {
  double record = 0;
  for (const auto* columns : {&options.inputs, &options.targets})
    for (const tensor::Column& column : *columns)
      record += elements(column.shape) * static_cast<double>(tensor::size_of(column.dtype));
  const double loader = static_cast<double>(decoding_bytes(0)) + 2 * static_cast<double>(options.batch_size) * record;
  return static_cast<std::int64_t>(
      std::min(kProcessBytes + loader + neon::memory_of(graph, options).total_bytes(), 9e18));
}

/// Whether a cost or a metric can take the network's outputs; the error gets the part's place in the file.
template <class Member>
void check_columns(const Member& member, const neon::Part& part, const neon::Graph& graph, std::size_t output) {
  try {
    member.check_columns(graph.columns(output));
  } catch (base::Error& error) {
    if (error.where.empty()) error.where = part.where;
    throw;
  }
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
  checked.inputs = preprocessor.inputs();
  checked.targets = preprocessor.targets().empty() ? checked.inputs : preprocessor.targets();
  const bool by_class = checked.targets.front().dtype == tensor::Dtype::i32;
  checked.graph = neon::build_graph(spec, checked.inputs, by_class ? static_cast<std::int64_t>(labels) : 0);
  neon::check_statistics(checked.graph, spec.batch_size);
  neon::PlanOptions options{.batch_size = spec.batch_size, .inputs = checked.inputs, .targets = checked.targets};
  options.costs = neon::cost_terms(spec.cost, checked.graph);
  neon::check_targets(checked.graph, options.costs, checked.targets);
  for (const neon::CostTerm& term : options.costs) check_columns(*term.cost, spec.cost, checked.graph, term.output);
  options.optimizer = neon::Shelf<neon::Optimizer>::instance().make(spec.optimizer);
  if (!checked.graph.adversaries) {  // which nothing is compared with
    const auto metric = neon::Shelf<neon::Metric>::instance().make(spec.metric);
    check_columns(*metric, spec.metric, checked.graph, 0);
    neon::check_metric(*metric, options.costs, spec.metric.where);
  }
  checked.warnings = neon::pairing_warnings(checked.graph, options.costs);
  options.weight_average = spec.weight_average;
  checked.memory_bytes = memory_needed(checked.graph, options);
  checked.spec = std::move(spec);
  return checked;
}

}  // namespace

std::vector<std::int64_t> index_limits(const neon::Graph& graph, std::span<const neon::CostTerm> costs,
                                       std::span<const tensor::Column> targets) {
  std::vector<std::int64_t> limits(targets.size(), 0);
  for (const neon::CostTerm& term : costs) {
    if (!term.cost->reads_target()) continue;  // whatever the data has
    if (const std::size_t target = term.target_among(targets.size());
        target < targets.size() && targets[target].dtype == tensor::Dtype::i32)
      limits[target] = graph.columns(term.output);
  }
  return limits;
}

neon::ModelSpec read_model(const std::filesystem::path& file) {
  constexpr std::size_t kLimitBytes = std::size_t{1} << 20;  // as parse_model takes it
  const std::string text = base::read_text(file, kLimitBytes);
  return neon::parse_model(records::with_vocabularies(text, file.parent_path(), file.string()), file.string(),
                           check_rest);
}

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
