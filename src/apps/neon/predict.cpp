#include <fmt/format.h>
#include <fmt/ranges.h>

#include "aeon/preprocessor.h"
#include "apps/neon/commands.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "job/data.h"
#include "neon/predictor.h"

namespace {

/// What the generator makes of noise that is drawn for it.
int make_samples(const PredictCommand& command, const neon::Checkpoint& checkpoint, const neon::Graph& graph) {
  if (!command.files.empty())
    throw base::Error(base::Code::invalid_argument,
                      "the model is a GenerativeAdversarial: it makes samples (--samples) and looks at no files");
  neon::Predictor predictor(checkpoint, {.max_batch = 1, .threads = command.threads});
  const auto width = static_cast<std::size_t>(tensor::element_count(predictor.sample_shape()));
  tensor::Arena noise(width * sizeof(float));
  std::vector<float> made;
  for (std::int64_t i = 0; i < command.samples; ++i) {
    auto* numbers = reinterpret_cast<float*>(noise.data());
    tensor::draw_noise({numbers, width}, graph.adversaries->noise_type, command.rng_seed, 1, i);
    const std::span<const float> one = predictor.predict(noise.data(), 1);
    made.insert(made.end(), one.begin(), one.end());
  }
  if (command.output.empty()) {
    const auto columns = static_cast<std::size_t>(predictor.out_count());
    for (std::size_t i = 0; i < made.size(); i += columns)
      fmt::print("{:.6g}\n", fmt::join(made.begin() + static_cast<std::ptrdiff_t>(i),
                                       made.begin() + static_cast<std::ptrdiff_t>(i + columns), " "));
    return 0;
  }
  const std::string picture = aeon::Preprocessor(job::loader_config_of(checkpoint.preprocessing)).picture(made);
  if (picture.empty())
    throw base::Error(base::Code::invalid_argument,
                      "what the model makes are no pictures; leave --output out to see their numbers");
  base::write_file_atomically(command.output, picture);
  return 0;
}

}  // namespace

int predict_files(const PredictCommand& command) {
  neon::Checkpoint checkpoint = neon::read_checkpoint(command.checkpoint);
  neon::choose_weights(checkpoint, command.weights);
  const neon::Graph graph = neon::build_graph(checkpoint.spec, checkpoint.sample_shape);
  if (graph.adversaries) return make_samples(command, checkpoint, graph);
  if (command.files.empty())
    throw base::Error(base::Code::invalid_argument, "files are required: neon predict CHECKPOINT FILE...");
  aeon::Preprocessor preprocessor(job::loader_config_of(checkpoint.preprocessing));
  neon::Predictor predictor(checkpoint,
                            {.max_batch = 1, .threads = command.threads, .input_dtype = preprocessor.sample_dtype()});
  const std::int64_t k = std::min(command.k, predictor.out_count());
  tensor::Arena input(preprocessor.sample_bytes());
  int exit_code = 0;
  for (const std::string& file : command.files) {
    try {
      preprocessor.write(base::read_file(file), input.data());
      fmt::print("{}\n", file);
      for (const neon::ClassProbability& row : predictor.top_k(predictor.predict(input.data(), 1), k))
        fmt::print("  {:>9.6f}  {:>5}  {}\n", row.probability, row.index, row.label);
    } catch (const base::Error& error) {
      // The others are still told.
      fmt::print(stderr, "neon: {}: {}\n", base::printable(file), base::printable(error.message));
      exit_code = base::kind_of(error.code).exit_code;
    }
  }
  return exit_code;
}
