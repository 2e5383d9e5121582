#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aeon/config.h"
#include "neon/graph.h"
#include "records/source.h"
#include "tensor/batch.h"

namespace job {

/// The `dataset:` section of a model file (docs/formats/model-yaml.md): where records are, and how they become batches.
struct DatasetSection {
  std::optional<std::string> train, eval, labels, root;
  aeon::LoaderConfig loader;
};

/// Errors: invalid_argument whose `where` is the JSON pointer in the model file.
DatasetSection dataset_section(const neon::ModelSpec& spec);

/// What a training learns from.
struct Data {
  std::shared_ptr<const records::RecordSource> train;
  std::shared_ptr<const records::RecordSource> eval;  ///< null: no evaluation
  std::vector<std::string> labels;                    ///< names of the classes; may be empty
};

/// The section's own manifests and labels, relative to `folder`. Errors: those of reading them; invalid_argument when
/// the section names no training manifest.
Data open_files(const DatasetSection& section, const std::filesystem::path& folder);

/// Shards, as the cloud keeps data sets.
Data open_shards(const std::vector<std::filesystem::path>& train, const std::vector<std::filesystem::path>& eval,
                 std::vector<std::string> labels);

/// The loader section as a checkpoint keeps it, and back.
base::json::object preprocessing_of(const DatasetSection& section);
aeon::LoaderConfig loader_config_of(const base::json::object& preprocessing);

/// Random inputs and targets as a network takes them: what profiling and benchmarks run on. Whole numbers are below
/// what the layers that read them have rows for, and targets below the columns of the main output. Endless work for one
/// batch of memory.
std::unique_ptr<tensor::BatchSource> random_batches(const neon::Graph& graph,
                                                    const std::vector<tensor::Column>& targets, std::int64_t batch_size,
                                                    std::int64_t batches_per_epoch);

}  // namespace job
