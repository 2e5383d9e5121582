#include <fmt/format.h>

#include "aeon/preprocessor.h"
#include "apps/neon/commands.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "job/data.h"
#include "neon/predictor.h"

int predict_files(const PredictCommand& command) {
  neon::Checkpoint checkpoint = neon::read_checkpoint(command.checkpoint);
  neon::choose_weights(checkpoint, command.weights);
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
