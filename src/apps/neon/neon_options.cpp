// Options of neon 2.6 that choose what there is no choice of here: the one value that there is does nothing, any other
// is refused with the reason.
#include <CLI/CLI.hpp>

#include "apps/neon/options.h"

namespace {

struct Choice {
  const char* option;
  std::vector<std::string> allowed;  ///< empty: no value at all
  const char* reason;
};

const std::vector<Choice>& choices() {
  static const std::vector<Choice> all{
      {"-b,--backend", {"cpu", "mkl"}, "there is one backend, for CPUs"},
      {"-i,--device_id", {"0"}, "there is one device, all CPUs together; say how many with --threads"},
      {"-m,--max_devices", {"1"}, "there is one device, all CPUs together; say how many with --threads"},
      {"-d,--datatype", {"f32"}, "everything is computed in f32"},
      {"-u,--rounding", {"0", "false"}, "f32 rounds to nearest; stochastic rounding was for f16 on neon's GPUs"},
      {"--profiling_method", {"time"}, "profiles measure time"},
      {"--log_token",
       {},
       "it named a log in Nervana's cloud; --log writes a file, and ncloud logs shows those of the cloud"}};
  return all;
}

}  // namespace

void declare_neon_options(CLI::App& app) {
  for (const Choice& choice : choices()) {
    auto* option = app.add_option_function<std::string>(
        choice.option, [](const std::string&) {},
        choice.allowed.empty() ? std::string("refused: ") + choice.reason
                               : fmt::format("only {}: {}", fmt::join(choice.allowed, " or "), choice.reason));
    option->check([&choice](const std::string& value) {
      if (std::find(choice.allowed.begin(), choice.allowed.end(), value) != choice.allowed.end()) return std::string();
      return fmt::format("'{}' cannot be had: {}", value, choice.reason);
    });
  }
  app.add_flag_function(
      "--deterministic", [](std::int64_t) {},
      "no effect: a training with a seed always gives the same bits for the same --threads");
  app.add_flag_function(
      "--caffe",
      [](std::int64_t) {
        throw CLI::ValidationError("--caffe",
                                   "Caffe's pooling rounds its outputs up; write a padding that makes the windows fit "
                                   "instead, as an import of "
                                   "such a model from ONNX does");
      },
      "refused: pooling rounds its outputs down");
}
