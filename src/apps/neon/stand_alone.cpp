#include "apps/neon/stand_alone.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "apps/neon/console.h"
#include "apps/neon/profile.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "job/check.h"
#include "job/train.h"

namespace {

std::atomic<bool> stop_asked{false};

void ask_to_stop(int) {
  if (stop_asked.exchange(true)) std::_Exit(130);  // the second Ctrl-C does not wait for a checkpoint
}

neon::ModelSpec spec_of(const Options& options) {
  neon::ModelSpec spec = neon::read_model(options.model_file);
  if (options.epochs) spec.epochs = *options.epochs;
  if (options.batch_size) spec.batch_size = *options.batch_size;
  if (options.rng_seed) spec.seed = *options.rng_seed;
  return spec;
}

std::filesystem::path data_folder(const Options& options) {
  return options.data_dir.empty() ? std::filesystem::path(options.model_file).parent_path()
                                  : std::filesystem::path(options.data_dir);
}

/// Before hours of training, not after.
void check_folder(const std::filesystem::path& save_path) {
  const std::filesystem::path folder = save_path.has_parent_path() ? save_path.parent_path() : ".";
  if (::access(folder.c_str(), W_OK) != 0)
    throw base::system_error(fmt::format("cannot write to folder '{}' of --save_path", folder.string()), errno);
}

/// Saves checkpoints under --save_path, the newest `history` of them.
class Saver {
 public:
  Saver(std::filesystem::path path, std::int64_t history) : path_(std::move(path)), history_(history) {}

  void save(const neon::Checkpoint& checkpoint) {
    if (history_ == 1) {
      neon::write_checkpoint(checkpoint, path_);
      return;
    }
    const std::filesystem::path numbered =
        path_.parent_path() /
        fmt::format("{}_{}{}", path_.stem().string(), checkpoint.position.epoch, path_.extension().string());
    neon::write_checkpoint(checkpoint, numbered);
    if (kept_.empty() || kept_.back() != numbered) kept_.push_back(numbered);
    if (static_cast<std::int64_t>(kept_.size()) > history_) {
      std::filesystem::remove(kept_.front());
      kept_.erase(kept_.begin());
    }
  }

 private:
  std::filesystem::path path_;
  std::int64_t history_;
  std::vector<std::filesystem::path> kept_;
};

}  // namespace

int run_stand_alone(const Options& options) {
  base::set_log_level(options.verbose >= 2   ? base::LogLevel::debug
                      : options.verbose == 1 ? base::LogLevel::info
                                             : base::LogLevel::warning);
  neon::ModelSpec spec = spec_of(options);
  const job::CheckedModel checked = job::check_model(spec, 0, 0);
  const int threads =
      options.threads > 0 ? options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  if (options.profile) return profile_network(checked, threads, options.profile_seconds, options.profile_inference);
  if (options.profile_loader) return profile_loader(checked, data_folder(options), threads);
  if (options.verbose >= 1) fmt::print("{}\n", neon::description(checked.graph));

  job::Training training;
  training.spec = checked.spec;
  training.section = checked.section;
  training.data = job::open_files(checked.section, data_folder(options));
  training.seed = checked.spec.seed.value_or(0);
  training.threads = threads;
  training.checkpoint_every = options.serialize > 0 ? options.serialize : options.save_path.empty() ? 0 : 1;
  training.evaluate_every = options.eval_freq;
  if (!options.load_path.empty()) training.resume_from = neon::read_checkpoint(options.load_path);
  if (options.save_path.empty())
    fmt::print(stderr, "neon: nothing will be kept; give --save_path FILE to keep the trained model\n");
  else
    check_folder(options.save_path);
  Saver saver(options.save_path, options.history);
  if (!options.save_path.empty()) training.save = [&](const neon::Checkpoint& checkpoint) { saver.save(checkpoint); };

  std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(nullptr, std::fclose);
  if (!options.output_file.empty()) {
    output.reset(std::fopen(options.output_file.c_str(), "w"));
    if (!output) throw base::system_error(fmt::format("cannot write '{}'", options.output_file), errno);
  }
  Console console(checked.spec.cost.type, ::isatty(STDOUT_FILENO) != 0 && !options.no_progress_bar);
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  const job::Outcome outcome = job::train(
      training,
      [&](const job::Event& event) {
        console.show(event);
        if (output) fmt::print(output.get(), "{}\n", base::to_text(base::encode(event)));
      },
      stop_asked);
  if (outcome == job::Outcome::completed) return 0;
  fmt::print(stderr, "neon: stopped{}\n",
             options.save_path.empty()
                 ? ""
                 : fmt::format("; go on with: neon {} --model_file {}", options.model_file, options.save_path));
  return base::kind_of(base::Code::interrupted).exit_code;
}
