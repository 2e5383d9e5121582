#include "apps/neon/stand_alone.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "apps/neon/commands.h"
#include "apps/neon/console.h"
#include "apps/neon/hdf5/events.h"
#include "apps/neon/profile.h"
#include "base/clock.h"
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

/// --manifest and --manifest_root, whose names start where the program was started.
void use_manifests(const Options& options, base::json::object& dataset) {
  constexpr std::array<std::string_view, 3> known{"train", "eval", "val"};
  for (const std::string& manifest : options.manifests) {
    const std::size_t colon = manifest.find(':');
    const std::string which = manifest.substr(0, colon);
    if (colon == std::string::npos || std::find(known.begin(), known.end(), which) == known.end())
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("--manifest takes train:FILE or eval:FILE, got '{}'", manifest));
    dataset[which == "train" ? "train" : "eval"] = std::filesystem::absolute(manifest.substr(colon + 1)).string();
  }
  if (!options.manifest_root.empty()) dataset["root"] = std::filesystem::absolute(options.manifest_root).string();
}

neon::ModelSpec spec_of(const Options& options) {
  neon::ModelSpec spec = job::read_model(options.model_file);
  if (options.epochs) spec.epochs = *options.epochs;
  if (options.batch_size) spec.batch_size = *options.batch_size;
  if (options.rng_seed) spec.seed = options.rng_seed;
  if (!options.start_from.empty()) spec.start_from = options.start_from;
  if (!options.new_layers.empty()) spec.new_layers = options.new_layers;
  if (!spec.new_layers.empty() && !spec.start_from)
    throw base::Error(base::Code::invalid_argument, "--new_layers needs --start_from, or start_from in the model file");
  use_manifests(options, spec.dataset);
  return spec;
}

std::filesystem::path data_folder(const Options& options) {
  return options.data_dir.empty() ? std::filesystem::path(options.model_file).parent_path()
                                  : std::filesystem::path(options.data_dir);
}

/// Of the command line as it is; of the model file from where that file lies.
std::filesystem::path model_to_start_from(const Options& options, const std::string& name) {
  if (!options.start_from.empty()) return name;
  return std::filesystem::path(options.model_file).parent_path() / name;
}

/// The file's or the command line's; of a resumed training its own; else a drawn one, which checkpoints keep.
std::uint64_t seed_of(const neon::ModelSpec& spec, const std::optional<neon::Checkpoint>& resume_from) {
  if (spec.seed) return *spec.seed;
  if (resume_from) return resume_from->position.seed;
  std::random_device device;
  return device();
}

/// A word as a shell takes it back.
std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-./,:+@%=") == std::string::npos;
  if (plain) return word;
  std::string result = "'";
  for (const char c : word) c == '\'' ? result += "'\\''" : result += c;
  return result + "'";
}

/// The command that goes on from `checkpoint`, to be pasted.
std::string command_to_resume(const Options& options, const std::filesystem::path& checkpoint) {
  std::string command = fmt::format("neon {}", quoted(options.model_file));
  if (options.batch_size) command += fmt::format(" --batch_size {}", *options.batch_size);
  if (!options.data_dir.empty()) command += fmt::format(" --data_dir {}", quoted(options.data_dir));
  if (options.threads > 0) command += fmt::format(" --threads {}", options.threads);
  if (options.rng_seed) command += fmt::format(" --rng_seed {}", *options.rng_seed);
  if (options.serialize > 0) command += fmt::format(" --serialize {}", options.serialize);
  if (options.history != 1) command += fmt::format(" --history {}", options.history);
  return command + fmt::format(" --save_path {} --model_file {}", quoted(options.save_path), quoted(checkpoint));
}

/// Before hours of training, not after.
void check_folder(const std::filesystem::path& save_path) {
  if (std::filesystem::is_directory(save_path))
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("--save_path '{}' is a folder; name a file in it", save_path.string()));
  const std::filesystem::path folder = save_path.has_parent_path() ? save_path.parent_path() : ".";
  if (::access(folder.c_str(), W_OK) != 0)
    throw base::system_error(fmt::format("cannot write to folder '{}' of --save_path", folder.string()), errno);
}

using OpenFile = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// Null when there is no name.
OpenFile open_file(const std::string& name, const char* mode) {
  OpenFile file(name.empty() ? nullptr : std::fopen(name.c_str(), mode), std::fclose);
  if (!name.empty() && !file) throw base::system_error(fmt::format("cannot write '{}'", name), errno);
  return file;
}

bool is_hdf5(const std::string& name) { return name.ends_with(".h5") || name.ends_with(".hdf5"); }

/// Lines of a training's log: what it says, and a line for each epoch.
void write_log(std::FILE* log, const wire::Event& event) {
  std::string line;
  if (event.kind == wire::EventKind::log) line = base::printable(event.text.value_or(""));
  if (event.kind == wire::EventKind::epoch) {
    line = fmt::format("epoch {} of {}: cost {:.6g}", event.epoch.value_or(0), event.epochs.value_or(0),
                       event.cost.value_or(0));
    if (event.eval_cost) line += fmt::format(", eval_cost {:.6g}", *event.eval_cost);
    for (const auto& metric : event.metrics.value_or(base::json::object()))
      line += fmt::format(", {} {}", std::string_view(metric.key()), base::to_text(metric.value()));
  }
  if (line.empty()) return;
  fmt::print(log, "{} {}\n", base::rfc3339(base::wall_now_us()), line);
  std::fflush(log);
}

/// Saves checkpoints under --save_path, the newest `history` of them.
class Saver {
 public:
  Saver(std::filesystem::path path, std::int64_t history) : path_(std::move(path)), history_(history) {}

  void save(const neon::Checkpoint& checkpoint) {
    if (history_ == 1) {
      neon::write_checkpoint(checkpoint, path_);
      newest_ = path_;
      return;
    }
    const std::filesystem::path numbered =
        path_.parent_path() /
        fmt::format("{}_{}{}", path_.stem().string(), checkpoint.position.epoch, path_.extension().string());
    neon::write_checkpoint(checkpoint, numbered);
    newest_ = numbered;
    point_to(numbered.filename());
    if (kept_.empty() || kept_.back() != numbered) kept_.push_back(numbered);
    if (static_cast<std::int64_t>(kept_.size()) > history_) {
      std::filesystem::remove(kept_.front());
      kept_.erase(kept_.begin());
    }
  }

  const std::filesystem::path& newest() const { return newest_; }  ///< empty when nothing was saved

 private:
  /// The path itself is a link to the newest. A file of that name, which is no link, is somebody's and stays.
  void point_to(const std::filesystem::path& newest) const {
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(path_, error)) &&
        !std::filesystem::is_symlink(path_, error))
      return;
    const std::filesystem::path temporary = path_.string() + ".link";
    std::filesystem::remove(temporary, error);
    std::filesystem::create_symlink(newest, temporary, error);
    std::filesystem::rename(temporary, path_, error);
  }

  std::filesystem::path path_;
  std::int64_t history_;
  std::vector<std::filesystem::path> kept_;
  std::filesystem::path newest_;
};

}  // namespace

int run_stand_alone(const Options& options) {
  base::set_log_level(options.verbose >= 2   ? base::LogLevel::debug
                      : options.verbose == 1 ? base::LogLevel::info
                                             : base::LogLevel::warning);
  const int threads =
      options.threads > 0 ? options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  if (options.profile)
    return profile_network(checked_model(options.model_file, options.batch_size, options.profile_inference), threads,
                           {options.profile_seconds, options.profile_iterations, options.profile_iter_skip},
                           options.profile_inference);
  neon::ModelSpec spec = spec_of(options);
  const job::CheckedModel checked = job::check_model(spec, 0, 0);
  if (options.profile_loader) return profile_loader(checked, data_folder(options), threads);
  if (options.verbose >= 1) fmt::print("{}\n", neon::description(checked.graph));

  job::Training training;
  training.spec = checked.spec;
  training.section = checked.section;
  training.data = job::open_files(checked.section, data_folder(options));
  training.threads = threads;
  if (options.save_path.empty())
    training.checkpoint_every = 0;
  else if (options.serialize > 0)
    training.checkpoint_every = options.serialize;
  training.evaluate_every = options.eval_freq;
  if (!options.load_path.empty())
    training.resume_from = neon::read_checkpoint(options.load_path);
  else if (checked.spec.start_from)
    training.start_from = neon::read_checkpoint(model_to_start_from(options, *checked.spec.start_from));
  training.seed = seed_of(checked.spec, training.resume_from);
  if (options.save_path.empty())
    fmt::print(stderr, "neon: nothing will be kept; give --save_path FILE to keep the trained model\n");
  else
    check_folder(options.save_path);
  Saver saver(options.save_path, options.history);
  if (!options.save_path.empty()) training.save = [&](const neon::Checkpoint& checkpoint) { saver.save(checkpoint); };

  const OpenFile log = open_file(options.log_file, "a");
  std::unique_ptr<neon::TrainingEvents> measurements;
  OpenFile output(nullptr, std::fclose);
  if (is_hdf5(options.output_file))
    training.listener = (measurements = hdf5_events(options.output_file)).get();
  else
    output = open_file(options.output_file, "w");
  Console console(checked.spec.cost.type, both_are_terminals() && !options.no_progress_bar);
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  const wire::Outcome outcome = job::train(
      training,
      [&](const wire::Event& event) {
        console.show(event);
        if (log) write_log(log.get(), event);
        if (output) fmt::print(output.get(), "{}\n", base::to_text(base::encode(event)));
      },
      stop_asked);
  if (outcome == wire::Outcome::completed) return 0;
  fmt::print(stderr, "neon: stopped{}\n",
             saver.newest().empty() ? "" : "; go on with: " + command_to_resume(options, saver.newest()));
  return base::kind_of(base::Code::interrupted).exit_code;
}
