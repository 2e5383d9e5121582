#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/data.h"
#include "neon/cost_terms.h"

namespace job {

/// A model file that is known to fit itself and its data.
struct CheckedModel {
  neon::ModelSpec spec;
  DatasetSection section;
  neon::Graph graph;
  std::vector<tensor::Column> inputs, targets;  ///< what the data bring for it

  /// What a training needs at the least, found from shapes alone: the process, weights with gradients and optimizer
  /// states, the outputs that the way back needs, two batches and the decoding of a photo. Kernels may want more, and
  /// caches take what is left.
  std::int64_t memory_bytes = 0;

  std::vector<std::string> warnings;  ///< what is legal but surely a mistake, such as a cost without its activation
};

/// Of each target of whole numbers: the columns of the output that a cost compares it with; 0 for others.
std::vector<std::int64_t> index_limits(const neon::Graph& graph, std::span<const neon::CostTerm> costs,
                                       std::span<const tensor::Column> targets);

/// Finds everything that can be wrong with a model file without its records: grammar, names, keys, ranges, shapes, and
/// that the etl list fits the data set's columns and the last layer its labels (either may be unknown: 0 columns, no
/// labels). `batch_size` stands in for the file's. Errors: invalid_argument; messages end with file and line.
CheckedModel check_model(std::string_view yaml, std::string_view file_name, std::size_t columns, std::size_t labels,
                         std::optional<std::int64_t> batch_size = {});
CheckedModel check_model(neon::ModelSpec spec, std::size_t columns, std::size_t labels);

/// As neon::read_model with check_rest, and with the vocabularies of the files that it names.
neon::ModelSpec read_model(const std::filesystem::path& file);

/// For neon::parse_model: the faults of the layers and of the `dataset:` section, told with the others.
void check_rest(const neon::ModelSpec& spec, neon::Faults& faults);

}  // namespace job
