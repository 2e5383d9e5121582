#include "job/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "base/caught.h"
#include "base/files.h"
#include "base/sha256.h"
#include "job/checking.h"
#include "job/serve.h"
#include "job/small_model.h"
#include "job/teller.h"
#include "job/train.h"
#include "neon/plan.h"
#include "wire/event.h"
#include "wire/order.h"
#include "wire/process.h"

namespace job {

using wire::Event;
using wire::EventKind;
using wire::Outcome;

namespace {

Teller& teller() {
  static Teller one;
  return one;
}

void emit_to_standard_output(const Event& event) { teller().tell(event); }

/// Whether the starter has asked for an end.
std::atomic<bool> stop_asked = false;
/// Whether words of the starter are heard.
bool obeys = false;

std::int64_t number_in(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void obey(std::string_view word) {
  if (word == wire::kStop) stop_asked = true;
  if (word.starts_with(wire::kKept)) teller().kept(number_in(word.substr(wire::kKept.size())));
  if (word.starts_with(wire::kAttach)) teller().attach(number_in(word.substr(wire::kAttach.size())));
}

/// Reads further lines of the control pipe in a thread of its own; the end of the pipe ends the process. Nobody could
/// wait for that thread: it reads until the starter closes the pipe, and ends with the process that is done before.
void obey_control_pipe() {
  obeys = true;
  std::thread([] {
    for (std::string line; std::getline(std::cin, line);) obey(line);
    std::_Exit(wire::kToldAll);
  }).detach();
}

/// Writes checkpoints into the files that the job was given, in turn, and says so.
class Saver {
 public:
  explicit Saver(std::vector<std::string> files) : files_(std::move(files)) {
    if (files_.empty())
      throw base::Error(base::Code::invalid_argument, "expected files for checkpoints, got none", "/checkpoint_files");
  }

  void operator()(const neon::Checkpoint& checkpoint) {
    // What the file had before must have been taken away.
    if (said_.size() >= files_.size()) teller().await_kept(said_[said_.size() - files_.size()]);
    const std::filesystem::path path = files_[said_.size() % files_.size()];
    const base::Fd file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (!file) throw base::system_error(fmt::format("cannot open '{}' for a checkpoint", path.string()), errno);
    neon::write_checkpoint(checkpoint, file, path.string());
    said_.push_back(teller().tell({.kind = EventKind::checkpoint,
                                   .epoch = checkpoint.position.epoch,
                                   .batch = checkpoint.position.batch,
                                   .step = checkpoint.position.step,
                                   .file = path.filename().string(),
                                   .sha256 = base::sha256_of_file(path)}));
  }

 private:
  std::vector<std::string> files_;
  std::vector<std::int64_t> said_;  // numbers of the events
};

/// Before anything foreign is read: a limit that only the one who starts the next process can raise.
void limit_files(std::int64_t bytes) {
  if (bytes <= 0) return;
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0) throw base::system_error("cannot read the limit on files", errno);
  limit.rlim_cur = limit.rlim_max = std::min(limit.rlim_max, static_cast<rlim_t>(bytes));
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) throw base::system_error("cannot limit files", errno);
}

/// Nobody wants anything any more when there is none.
wire::Order read_order() {
  std::string line;
  if (!std::getline(std::cin, line)) std::_Exit(wire::kToldAll);
  return base::decode<wire::Order>(base::parse_json(line, "the order"));
}

/// Makes and runs a small network, so that what the real one needs of the vendor's code is in memory already.
void warm_up() {
  const neon::ModelSpec spec = neon::parse_model(kSmallModel, "the warm-up");
  neon::PlanOptions options;
  options.batch_size = 8;
  options.threads = 1;
  const neon::Graph graph = neon::build_graph(spec, tensor::Shape{3, 8, 8});
  options.costs = neon::cost_terms(spec.cost, graph);
  options.optimizer = neon::Shelf<neon::Optimizer>::instance().make(spec.optimizer);
  const auto plan = neon::compile(graph, options);
  const auto batches = random_batches(graph, {{"label", {}, tensor::Dtype::i32}}, options.batch_size, 1);
  batches->seek(0, 0);
  plan->train_step(*batches->next(), {});
}

/// Uses the time until the order comes, when it is not here yet.
wire::TrainJob await_training() {
  pollfd order{.fd = wire::kControl, .events = POLLIN, .revents = 0};
  if (::poll(&order, 1, 0) == 0) warm_up();
  wire::Order next = read_order();
  if (!next.train) throw base::Error(base::Code::invalid_argument, "expected the order to train");
  return std::move(*next.train);
}

/// The last event: this process must live until it is in safe hands.
void emit_end(const Event& end) {
  const std::int64_t number = teller().tell(end);
  if (obeys) teller().await_kept(number);
}

void emit_error(const base::Error& error) {
  emit_end({.kind = EventKind::end,
            .outcome = Outcome::error,
            .code = std::string(base::kind_of(error.code).name),
            .text = error.message});
}

/// Runs `work`; what it throws becomes the last event.
int report_errors(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::bad_alloc&) {
    emit_error(base::Error(base::Code::unavailable, "out of memory; ask for more memory or use a smaller batch_size"));
  } catch (...) {
    emit_error(base::caught());
  }
  std::cout.flush();
  std::_Exit(wire::kToldAll);  // without waiting for the thread that reads the control pipe
}

std::vector<std::filesystem::path> paths(const std::vector<std::string>& names) { return {names.begin(), names.end()}; }

Training training_of(const wire::TrainJob& job) {
  Training training;
  training.spec = neon::parse_model(job.yaml, job.model_file);
  if (job.epochs) training.spec.epochs = *job.epochs;
  if (job.batch_size) training.spec.batch_size = *job.batch_size;
  training.section = dataset_section(training.spec);
  training.data = open_shards(paths(job.train_shards), paths(job.eval_shards), job.labels);
  training.seed = job.seed;
  training.threads = job.threads;
  training.memory_bytes = job.memory_bytes;
  if (!job.resume_from.empty()) training.resume_from = neon::read_checkpoint(job.resume_from);
  if (!job.start_from.empty()) training.start_from = neon::read_checkpoint(job.start_from);
  training.save = Saver(job.checkpoint_files);
  return training;
}

}  // namespace

int run_train_process() {
  std::signal(SIGPIPE, SIG_IGN);
  return report_errors([] {
    const wire::TrainJob job = await_training();
    limit_files(job.file_limit_bytes);
    obey_control_pipe();
    const Outcome outcome = train(training_of(job), emit_to_standard_output, stop_asked);
    emit_end({.kind = EventKind::end, .outcome = outcome});
  });
}

int run_serve_process() {
  std::signal(SIGPIPE, SIG_IGN);
  return report_errors([] {
    const wire::Order order = read_order();
    if (!order.serve) throw base::Error(base::Code::invalid_argument, "expected the order to serve");
    obey_control_pipe();
    serve(*order.serve, wire::kSocket, emit_to_standard_output);
  });
}

int run_check_process() {
  std::signal(SIGPIPE, SIG_IGN);
  return report_errors([] { Checking(check, emit_to_standard_output).run(base::Fd(wire::kControl)); });
}

}  // namespace job
