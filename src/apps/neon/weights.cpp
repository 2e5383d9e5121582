#include <fmt/format.h>

#include "apps/neon/commands.h"
#include "base/error.h"
#include "base/files.h"
#include "job/check.h"
#include "neon/foreign_weights.h"
#include "records/labels.h"

int import_weights(const ImportCommand& command) {
  const job::CheckedModel model = job::check_model(job::read_model(command.model), 0, 0);
  neon::NameMap map;
  if (!command.names.empty()) map = neon::parse_name_map(base::read_file(command.names), command.names);
  const std::string text = base::read_file(command.file, std::size_t{1} << 40);
  neon::Checkpoint checkpoint;
  try {
    const std::vector<neon::ForeignTensor> tensors = neon::parse_foreign_safetensors(text);
    checkpoint.parameters = neon::import_foreign(model.graph, tensors, map);
  } catch (const base::Error& error) {
    throw base::Error(error.code, fmt::format("'{}': {}", command.file, error.message));
  }
  checkpoint.spec = model.spec;
  checkpoint.inputs = model.graph.input_columns();
  checkpoint.preprocessing = job::preprocessing_of(model.section);
  if (model.section.labels)
    checkpoint.labels =
        records::read_labels(std::filesystem::path(command.model).parent_path() / *model.section.labels);
  neon::write_checkpoint(checkpoint, command.checkpoint);
  fmt::print("{}: {} tensors with {} parameters\n", command.checkpoint, checkpoint.parameters.size(),
             model.graph.parameter_count());
  return 0;
}
