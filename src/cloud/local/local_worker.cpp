#include "cloud/local/local_worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cloud/local/process.h"
#include "cloud/local_worker.h"

namespace cloud {

using base::Code;
using base::Error;

namespace {

constexpr std::size_t kLineLimit = std::size_t{1} << 20;  // of an event
constexpr std::int64_t kMemoryBesidesBytes =
    512LL << 20;  // without a cgroup: code, stacks and reserves beside the model's memory

// Cuts a stream of bytes into lines.
class Lines {
 public:
  template <class Each>
  void add(std::string_view bytes, Each each) {
    held_ += bytes;
    std::size_t begin = 0;
    for (std::size_t end; (end = held_.find('\n', begin)) != std::string::npos; begin = end + 1)
      each(std::string_view(held_).substr(begin, end - begin));
    held_.erase(0, begin);
    if (held_.size() > kLineLimit) throw Error(Code::too_large, "the job wrote a line of over 1 MiB");
  }
  const std::string& rest() const { return held_; }

 private:
  std::string held_;
};

void link_into(const std::filesystem::path& object, const std::filesystem::path& link) {
  if (::link(object.c_str(), link.c_str()) != 0)
    throw base::system_error(fmt::format("cannot give '{}' to a job", object.string()), errno == ENOENT ? EIO : errno);
}

}  // namespace

/// One job from its start to its end; the thread that supervises it and its handle share it.
struct LocalWorker::Running {
  std::string name;
  std::filesystem::path folder;
  ProcessStart start;
  base::Fd their_socket;
  std::function<void()> on_first_step;
  Cgroup cgroup;
  base::Fd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

  Mutex mutex{locks::kJob};
  JobListener listener;         // empty while it is a spare
  std::string outbox;           // for the control pipe
  std::int64_t kill_at_us = 0;  // 0: never
  bool stop_asked = false;

  void poke() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(wake.get(), &one, sizeof one);
  }
  JobListener hears() {
    const std::lock_guard lock(mutex);
    return listener;
  }
  void set_listener(JobListener other) {  // by swapping: the old one, which may hold this job, goes after the lock
    const std::lock_guard lock(mutex);
    std::swap(listener, other);
  }
  void say(const std::string& line) {
    {
      const std::lock_guard lock(mutex);
      outbox += line;
    }
    poke();
  }
  void stop(int grace_ms) {
    {
      const std::lock_guard lock(mutex);
      if (!stop_asked) outbox += fmt::format("{}\n", job::kStop);
      stop_asked = true;
      const std::int64_t at = base::steady_now_us() + std::int64_t{grace_ms} * 1000;
      kill_at_us = kill_at_us == 0 ? at : std::min(kill_at_us, at);
    }
    poke();
  }
  void kill() {
    {
      const std::lock_guard lock(mutex);
      kill_at_us = 1;
    }
    poke();
  }
};

class LocalWorker::LocalJob : public Job {
 public:
  explicit LocalJob(std::shared_ptr<Running> running) : running_(std::move(running)) {}
  ~LocalJob() override { running_->kill(); }
  void stop(int grace_ms) override { running_->stop(grace_ms); }
  void kill() override { running_->kill(); }

 private:
  std::shared_ptr<Running> running_;
};

LocalWorker::LocalWorker(Sandbox sandbox, std::filesystem::path folder)
    : sandbox_(std::move(sandbox)), folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
  ::signal(SIGPIPE, SIG_IGN);               // writing to a job that has ended is an error, not the end of this process
  std::vector<std::filesystem::path> left;  // by jobs of the last run; they have numbers for names
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    if (entry.path().filename().string().find_first_not_of("0123456789") == std::string::npos)
      left.push_back(entry.path());
  for (const auto& path : left) std::filesystem::remove_all(path);
  sandbox_.check();
  base::log_info("jobs: sandbox {}, limits by {}", sandbox_.walls() ? "bubblewrap" : "NONE", cgroups_.driver_name());
}

LocalWorker::~LocalWorker() {
  std::unique_lock lock(mutex_);
  keeps_spare_ = false;
  for (const auto& running : running_) running->kill();
  ended_.wait(lock, [&] { return running_.empty(); });
}

std::shared_ptr<LocalWorker::Running> LocalWorker::make_running() {
  auto running = std::make_shared<Running>();
  running->name = std::to_string(next_++);
  running->folder = folder_ / running->name;
  std::filesystem::create_directories(running->folder / "in");
  std::filesystem::create_directories(running->folder / "out");
  running->cgroup = cgroups_.make("job-" + running->name);
  return running;
}

std::unique_ptr<Job> LocalWorker::train(const TrainOrder& order, JobListener listener) {
  std::shared_ptr<Running> running = take_spare(listener);
  const bool has_started = running != nullptr;
  if (!has_started) {
    running = make_running();
    running->set_listener(std::move(listener));
  }
  try {
    prepare(*running, order);
  } catch (...) {
    running->set_listener({});  // the caller hears of it here
    running->kill();
    throw;
  }
  if (!has_started) start(running, "--job");
  return std::make_unique<LocalJob>(std::move(running));
}

/// Puts what the training needs into its folder and says what to do.
void LocalWorker::prepare(Running& running, const TrainOrder& order) const {
  const auto inside = [&](const std::filesystem::path& object, const std::string& name) {
    link_into(object, running.folder / name);
    return sandbox_.path_inside(running.folder, name);
  };
  job::TrainJob job = order.job;
  for (std::size_t i = 0; i < order.train_shards.size(); ++i)
    job.train_shards.push_back(inside(order.train_shards[i], fmt::format("in/train-{:06}", i)));
  for (std::size_t i = 0; i < order.eval_shards.size(); ++i)
    job.eval_shards.push_back(inside(order.eval_shards[i], fmt::format("in/eval-{:06}", i)));
  if (!order.resume_from.empty()) job.resume_from = inside(order.resume_from, "in/checkpoint");
  job.checkpoint_folder = sandbox_.path_inside(running.folder, "out");
  job.memory_bytes = order.limits.memory_bytes;
  limit(running, order.limits);
  running.say(base::to_text(base::encode(job)) + '\n');
}

std::unique_ptr<Job> LocalWorker::serve(const ServeOrder& order, base::Fd& socket, JobListener listener) {
  const std::shared_ptr<Running> running = make_running();
  running->set_listener(std::move(listener));
  link_into(order.checkpoint, running->folder / "in/checkpoint");
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw base::system_error("cannot make a socket", errno);
  socket = base::Fd(ends[0]);
  running->their_socket = base::Fd(ends[1]);
  running->start.socket = ends[1];
  const job::ServeJob job{.checkpoint = sandbox_.path_inside(running->folder, "in/checkpoint"),
                          .threads = order.limits.cpus,
                          .max_batch = order.max_batch,
                          .memory_bytes = order.limits.memory_bytes};
  limit(*running, order.limits);
  running->say(base::to_text(base::encode(job)) + '\n');
  start(running, "--serve");
  return std::make_unique<LocalJob>(running);
}

void LocalWorker::limit(Running& running, const Limits& limits) const {
  if (cgroups_.limit(running.cgroup, limits.cpus, limits.memory_bytes)) return;
  if (limits.memory_bytes > 0) running.start.data_limit_bytes = limits.memory_bytes + kMemoryBesidesBytes;
}

void LocalWorker::start(const std::shared_ptr<Running>& running, const std::string& mode) {
  running->start.command = sandbox_.command(running->folder, mode);
  running->start.environment = sandbox_.environment();
  running->start.cgroup_procs = running->cgroup.procs_files();
  running->on_first_step = [this] { start_spare(); };
  {
    const std::lock_guard lock(mutex_);
    running_.insert(running);
  }
  std::thread([this, running] { supervise(running); }).detach();  // the destructor waits for it through running_
}

void LocalWorker::keep_spare() {
  {
    const std::lock_guard lock(mutex_);
    keeps_spare_ = cgroups_.driver() != Cgroups::Driver::none;
  }
  start_spare();
}

void LocalWorker::start_spare() {
  {
    const std::lock_guard lock(mutex_);
    if (!keeps_spare_ || spare_) return;
  }
  try {
    const std::shared_ptr<Running> running = make_running();
    start(running, "--job");
    const std::lock_guard lock(mutex_);
    if (keeps_spare_ && !spare_ && running_.contains(running))
      spare_ = running;
    else
      running->kill();
  } catch (const std::exception& error) {  // the next training takes a little longer to start, and that is all
    base::log_warning("no process waits for the next training: {}", error.what());
  }
}

/// The spare, which has this listener from now on; null when there is none.
std::shared_ptr<LocalWorker::Running> LocalWorker::take_spare(JobListener& listener) {
  const std::lock_guard lock(mutex_);
  if (spare_) spare_->set_listener(std::move(listener));
  return std::exchange(spare_, nullptr);
}

namespace {

// The talk with one process, until it has ended and everything it said is heard.
class Talk {
 public:
  Talk(Process process, std::function<void(const job::Event&)> tell)
      : process_(std::move(process)),
        tell_(std::move(tell)),
        exit_(static_cast<int>(::syscall(SYS_pidfd_open, process_.pid, 0))) {}

  template <class State>
  JobEnd run(State& state) {
    on_first_step_ = state.on_first_step;
    while (!exited_) wait_and_handle(state);
    ::kill(-process_.pid, SIGKILL);  // whatever it left behind (without walls, that is possible)
    int status = 0;
    while (::waitpid(process_.pid, &status, 0) < 0 && errno == EINTR) {}
    while (read_events()) {}
    while (read_errors()) {}
    if (!errors_.rest().empty()) last_words_ = base::printable(errors_.rest());
    JobEnd end{.last_words = failure_.empty() ? last_words_ : failure_};
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
    if (end.exit_code > 128 && end.exit_code <= 128 + 64) {  // how the sandbox tells of a signal
      end.signal = end.exit_code - 128;
      end.exit_code = 0;
    }
    return end;
  }

 private:
  template <class State>
  void wait_and_handle(State& state) {
    bool has_text = false;
    int timeout_ms = -1;
    {
      const std::lock_guard lock(state.mutex);
      has_text = !state.outbox.empty();
      if (state.kill_at_us != 0) {
        const std::int64_t left_us = state.kill_at_us - base::steady_now_us();
        if (left_us <= 0 && !killed_) {
          ::kill(-process_.pid, SIGKILL);
          killed_ = true;
        }
        timeout_ms = killed_ ? -1 : static_cast<int>(left_us / 1000 + 1);
      }
    }
    pollfd fds[] = {{exit_.get(), POLLIN, 0},
                    {state.wake.get(), POLLIN, 0},
                    {events_open_ ? process_.events.get() : -1, POLLIN, 0},
                    {errors_open_ ? process_.errors.get() : -1, POLLIN, 0},
                    {has_text && process_.control ? process_.control.get() : -1, POLLOUT, 0}};
    if (::poll(fds, std::size(fds), timeout_ms) < 0) return;
    if (fds[1].revents != 0) {
      std::uint64_t count;
      [[maybe_unused]] const ssize_t ignored = ::read(state.wake.get(), &count, sizeof count);
    }
    if (fds[2].revents != 0) events_open_ = read_events();
    if (fds[3].revents != 0) errors_open_ = read_errors();
    if (fds[4].revents != 0) write_control(state);
    exited_ = fds[0].revents != 0;
  }

  template <class State>
  void write_control(State& state) {
    const std::lock_guard lock(state.mutex);
    const ssize_t written = ::write(process_.control.get(), state.outbox.data(), state.outbox.size());
    if (written > 0) state.outbox.erase(0, static_cast<std::size_t>(written));
    if (written < 0 && errno != EAGAIN && errno != EINTR) {
      process_.control.reset();  // it reads no more: it is ending
      state.outbox.clear();
    }
  }

  // False at the end, or (after the process has ended) when there is nothing more.
  bool read_events() {
    char buffer[16384];
    const ssize_t got = ::read(process_.events.get(), buffer, sizeof buffer);
    if (got <= 0) return got < 0 && errno == EINTR;
    if (!failure_.empty()) return true;
    try {
      events_.add({buffer, static_cast<std::size_t>(got)}, [&](std::string_view line) {
        if (line.empty()) return;
        const auto event = base::decode<job::Event>(base::parse_json(line, "event of the job"));
        tell_(event);
        if (event.kind == job::EventKind::step && on_first_step_) std::exchange(on_first_step_, nullptr)();
      });
    } catch (const std::exception& error) {
      // What it said cannot be kept, so going on would lose it: end it here; its last checkpoint is safe.
      failure_ = error.what();
      ::kill(-process_.pid, SIGKILL);
    }
    return true;
  }

  bool read_errors() {
    char buffer[4096];
    const ssize_t got = ::read(process_.errors.get(), buffer, sizeof buffer);
    if (got <= 0) return got < 0 && errno == EINTR;
    try {
      errors_.add({buffer, static_cast<std::size_t>(got)}, [&](std::string_view line) {
        if (line.empty()) return;
        last_words_ = base::printable(line, 500);
        tell_({.kind = job::EventKind::log, .text = base::printable(line, 4000)});
      });
    } catch (const std::exception& error) {
      base::log_warning("a log line of a job is lost: {}", error.what());
      errors_ = {};
    }
    return true;
  }

  Process process_;
  std::function<void(const job::Event&)> tell_;
  base::Fd exit_;  // readable once the process has ended
  bool exited_ = false, killed_ = false, events_open_ = true, errors_open_ = true;
  Lines events_, errors_;
  std::string last_words_, failure_;
  std::function<void()> on_first_step_;
};

}  // namespace

void LocalWorker::supervise(const std::shared_ptr<Running>& running) {
  JobEnd end;
  try {
    Talk talk(start_process(running->start), [&running, folder = running->folder / "out"](const job::Event& event) {
      if (const JobListener listener = running->hears(); listener.event) listener.event(event, folder);
    });
    running->their_socket.reset();
    end = talk.run(*running);
  } catch (const std::exception& error) {
    end = {.exit_code = 127, .last_words = error.what()};
  }
  running->their_socket.reset();
  {
    const std::lock_guard lock(mutex_);
    if (spare_ == running) spare_ = nullptr;  // from here on nobody gives it a listener
  }
  end.out_of_memory = cgroups_.ran_out_of_memory(running->cgroup);
  cgroups_.remove(running->cgroup);
  std::error_code ignored;
  std::filesystem::remove_all(running->folder, ignored);
  try {
    if (const JobListener listener = running->hears(); listener.end) listener.end(end);
  } catch (const std::exception& error) {
    base::log_error("job {}: {}", running->name, error.what());
  }
  running->set_listener({});
  const std::lock_guard lock(mutex_);
  running_.erase(running);
  ended_.notify_all();
}

std::unique_ptr<Worker> make_local_worker(const std::filesystem::path& folder, const std::filesystem::path& neon,
                                          bool walls) {
  auto worker = std::make_unique<LocalWorker>(Sandbox(neon, walls), folder);
  worker->keep_spare();
  return worker;
}

}  // namespace cloud
