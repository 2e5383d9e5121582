#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "neon/checkpoint.h"

/// `neon plan`
struct PlanCommand {
  std::string model_file;
  std::optional<std::int64_t> batch_size;
  int threads = 0;
  bool explain = false;
  bool inference = false;
};

/// `neon bench`
struct BenchCommand {
  std::string model_file;
  std::optional<std::int64_t> batch_size;
  int threads = 0;
  double seconds = 2;
  bool inference = false;
};

/// `neon eval`
struct EvalCommand {
  std::string checkpoint;
  std::string manifest, labels, root;
  std::string data_dir;
  std::optional<std::int64_t> batch_size;  ///< absent: 128, or of streams as many as in training
  int threads = 0;
  neon::Weights weights = neon::Weights::model;
};

/// `neon predict`
struct PredictCommand {
  std::string checkpoint;
  std::vector<std::string> files;
  std::optional<std::int64_t> k;
  std::int64_t samples = 16;
  std::string output;
  std::optional<std::string> generate;  ///< the text to go on from
  std::optional<std::int64_t> steps;
  std::int64_t num_beams = 1;
  double temperature = 0;
  std::uint64_t rng_seed = 0;
  int threads = 0;
  neon::Weights weights = neon::Weights::model;
};

/// `neon export`
struct ExportCommand {
  std::string checkpoint;
  std::string file;
  neon::Weights weights = neon::Weights::model;
};

/// `neon import`
struct ImportCommand {
  std::string file;
  std::string checkpoint;
  std::string model_file;
  std::string model;  ///< whose weights the file has
  std::string names;
};

/// The command line of `neon`. Names and letters are those of neon 2.6 where it had them.
struct Options {
  std::string model_file;
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> batch_size;
  std::optional<std::uint64_t> rng_seed;
  std::string save_path;
  std::int64_t serialize = 0;
  std::int64_t history = 1;
  std::string load_path;  ///< --model_file
  std::string start_from;
  std::vector<std::string> new_layers;
  std::string output_file;
  std::string log_file;
  std::vector<std::string> manifests;  ///< "train:FILE", "eval:FILE"
  std::string manifest_root;
  std::optional<std::int64_t> eval_freq;
  std::string data_dir;
  int threads = 0;
  bool no_progress_bar = false;
  bool profile = false;
  bool profile_inference = false;
  bool profile_loader = false;
  double profile_seconds = 2;
  std::int64_t profile_iterations = 0;  ///< 0: as many as profile_seconds have
  std::int64_t profile_iter_skip = 5;
  int verbose = 0;
  std::string check;   ///< a manifest whose records are checked; nothing is trained
  std::string labels;  ///< with check
  std::string root;    ///< with check
  bool job = false;
  bool serve = false;
  bool checker = false;

  std::string command;  ///< "plan", "bench", "eval", "predict", "export" or "import"; empty: train
  PlanCommand plan;
  BenchCommand bench;
  EvalCommand eval;
  PredictCommand predict;
  ExportCommand export_onnx;
  ImportCommand import_onnx;
};

namespace CLI {
class App;
}

/// Declares the options; parsing sets them.
void declare(CLI::App& app, Options& options);

/// Declares neon's options that have no meaning here, or one value.
void declare_neon_options(CLI::App& app);

/// Declares the commands, each with its options.
void declare_commands(CLI::App& app, Options& options);

/// Reads the command line. Returns the exit code when there is nothing more to do (help, version, a usage error).
std::optional<int> read_options(int argc, char** argv, Options& options);
