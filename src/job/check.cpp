#include "job/check.h"

#include <fmt/format.h>

#include "aeon/preprocessor.h"
#include "base/error.h"
#include "neon/cost.h"
#include "neon/metric.h"
#include "neon/optimizer.h"

namespace job {
namespace {

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
  neon::Shelf<neon::Cost>::instance().make(spec.cost);
  neon::Shelf<neon::Optimizer>::instance().make(spec.optimizer);
  neon::Shelf<neon::Metric>::instance().make(spec.metric);
  checked.spec = std::move(spec);
  return checked;
}

}  // namespace

CheckedModel check_model(neon::ModelSpec spec, std::size_t columns, std::size_t labels) {
  const neon::ModelSpec named = spec;
  try {
    return check_unlocated(std::move(spec), columns, labels);
  } catch (const base::Error& error) {
    throw neon::located(error, named);
  }
}

CheckedModel check_model(std::string_view yaml, std::string_view file_name, std::size_t columns, std::size_t labels) {
  return check_model(neon::parse_model(yaml, file_name), columns, labels);
}

}  // namespace job
