#include "neon/onnx.h"

#include <fmt/format.h>

#include "apps/neon/commands.h"
#include "base/files.h"
#include "job/data.h"
#include "neon/graph.h"
#include "neon/model_text.h"

namespace {

/// How images become what the network takes, when the file does not say it: brought to its size and nothing more.
base::json::object image_section(const tensor::Shape& sample) {
  if (sample.size() != 3 || (sample[0] != 1 && sample[0] != 3)) return {};
  base::json::object image{{"type", "image"}, {"channels", sample[0]}, {"height", sample[1]}, {"width", sample[2]}};
  if (sample[0] == 3) image["bgr_to_rgb"] = true;  // the order of everybody else
  return {{"etl", base::json::array{image, base::json::object{{"type", "label"}}}}};
}

}  // namespace

int export_model(const ExportCommand& command) {
  neon::Checkpoint checkpoint = neon::read_checkpoint(command.checkpoint);
  neon::choose_weights(checkpoint, command.weights);
  const neon::OnnxModel model = neon::onnx_of(checkpoint);
  neon::write_onnx(model, command.file);
  fmt::print("{}: {} operators of version {}\n", command.file, model.nodes.size(), model.opset);
  return 0;
}

int import_model(const ImportCommand& command) {
  std::vector<std::string> notes;
  neon::Checkpoint checkpoint = neon::checkpoint_of(neon::read_onnx(command.file), &notes);
  const bool told = !checkpoint.preprocessing.empty();
  checkpoint.spec.dataset = told ? checkpoint.preprocessing : image_section(checkpoint.inputs.front().shape);
  if (!told && !checkpoint.spec.dataset.empty())
    checkpoint.preprocessing = job::preprocessing_of(job::dataset_section(checkpoint.spec));
  neon::write_checkpoint(checkpoint, command.checkpoint);
  if (!command.model_file.empty()) base::write_file_atomically(command.model_file, neon::yaml_of(checkpoint.spec));
  fmt::print("{}", neon::description(neon::build_graph(checkpoint.spec, checkpoint.inputs)));
  for (const std::string& note : notes) fmt::print("{}\n", note);
  if (!told)
    fmt::print(
        "the file does not say how examples are prepared{}\n",
        checkpoint.preprocessing.empty()
            ? ""
            : "; images are only brought to its size, red first where they have colours, with pixels from 0 to 255");
  return 0;
}
