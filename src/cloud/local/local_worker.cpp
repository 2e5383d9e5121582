#include "cloud/local/local_worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <thread>
#include <utility>

#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cloud/local/job_folder.h"
#include "cloud/local/process.h"
#include "cloud/local_worker.h"

namespace cloud {

using base::Code;
using base::Error;

namespace {

constexpr std::size_t kLineLimit = std::size_t{1} << 20;  // of an event
constexpr std::size_t kWordsLimit = 500, kLogLineLimit = 4000;
constexpr int kLastReads = 256;                      // after the end; a pipe holds 1 MiB at most
constexpr std::int64_t kWhileWritingUs = 2'000'000;  // a job that writes a checkpoint does so at least this often
constexpr std::chrono::seconds kCheckPatience(20);
constexpr std::size_t kRefusalBytes = 8000, kPlaceBytes = 1000;  // of what a check answers
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

base::Fd event_descriptor() {
  base::Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) throw base::system_error("cannot make an event descriptor", errno);
  return fd;
}

// How many bytes may be taken from a job now: a burst, and from then on so many a second. What it says beyond that
// stays in its pipes, and it waits.
class Allowance {
 public:
  bool any() {
    const std::int64_t now = base::steady_now_us();
    left_ = std::min(kBurstBytes, left_ + (now - at_us_) * kBytesPerSecond / 1'000'000);
    at_us_ = now;
    return left_ > 0;
  }
  void take(std::int64_t bytes) { left_ -= bytes; }

  static constexpr std::int64_t kBurstBytes = std::int64_t{1} << 20, kBytesPerSecond = std::int64_t{128} << 10;
  static constexpr int kWaitMs = 100;

 private:
  std::int64_t left_ = kBurstBytes, at_us_ = base::steady_now_us();
};

// What the next daemon must know of a job.
struct Record {
  std::string id;
  std::vector<std::string> cgroup;  // a controller, its folder, and so on
  static constexpr auto fields() {
    return std::tuple(base::field("id", &Record::id, "of the order").required(),
                      base::field("cgroup", &Record::cgroup, "controllers, each followed by the folder of its group"));
  }
};

Cgroup group_of(const Record& record) {
  Cgroup group;
  for (std::size_t i = 0; i + 1 < record.cgroup.size(); i += 2) group.folders[record.cgroup[i]] = record.cgroup[i + 1];
  return group;
}

base::Fd attend(const std::filesystem::path& file) {
  base::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (!fd || ::fcntl(fd.get(), F_OFD_SETLKW, &lock) != 0)  // the one before may be ending
    throw base::system_error(fmt::format("cannot lock '{}'", file.string()), errno);
  return fd;
}

// Beside the folder of the jobs.
std::filesystem::path attended_file(const std::filesystem::path& jobs) { return jobs.string() + ".attended"; }

}  // namespace

/// A job of an earlier daemon.
struct LocalWorker::Found {
  Record record;
  std::filesystem::path folder;
};

/// One job from its start to its end; the thread that supervises it and its handle share it.
struct LocalWorker::Running {
  Running(const Cgroups& groups, std::string job, const std::filesystem::path& folder_of_jobs)
      : name(std::move(job)), folder(folder_of_jobs / name), cgroup(group_in(groups)) {}
  Running(const Found& found)
      : name(found.folder.filename().string()),
        folder(found.folder, JobFolder::Found{}),
        cgroup(group_of(found.record)),
        of_another(true) {}
  ~Running() { clean_up(); }

  const std::string name;
  JobFolder folder;
  const Cgroup cgroup;
  const bool of_another = false;  // an earlier daemon started it
  std::vector<std::string> checkpoint_files;
  ProcessStart start;
  std::optional<Process> process;  // of a job that is here already
  base::Fd our_socket, their_socket;
  std::function<void()> on_first_step;
  base::Fd wake = event_descriptor();

  Mutex mutex{locks::kJob};
  JobListener listener;                         // empty while it is a spare
  std::deque<std::promise<wire::Event>> asked;  // for checks, in the order of their answers
  std::string outbox;                           // for the control pipe
  std::int64_t kill_at_us = 0;                  // 0: never
  std::int64_t patience_us = 0;                 // past that, while it writes a checkpoint
  bool stop_asked = false;
  bool cleaned_up = false;

  Cgroup group_in(const Cgroups& groups) {
    try {
      return groups.make("job-" + name);
    } catch (...) {
      folder.remove();
      throw;
    }
  }
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
  void order(const wire::Order& what) { say(base::to_text(base::encode(what)) + '\n'); }
  std::future<wire::Event> ask(const wire::CheckJob& job) {
    std::future<wire::Event> answer;
    {
      const std::lock_guard lock(mutex);
      answer = asked.emplace_back().get_future();
    }
    order({.check = job});
    return answer;
  }
  bool is_asked() {
    const std::lock_guard lock(mutex);
    return !asked.empty();
  }
  void answer(const wire::Event& event) {
    const std::lock_guard lock(mutex);
    if (asked.empty()) throw Error(Code::invalid_argument, "the job answered a check that nobody asked for");
    asked.front().set_value(event);
    asked.pop_front();
  }
  void answer_no_more(const JobEnd& end) {
    const std::lock_guard lock(mutex);
    for (std::promise<wire::Event>& promise : std::exchange(asked, {}))
      promise.set_exception(std::make_exception_ptr(
          Error(Code::unavailable,
                fmt::format("the process that checks model files ended with {}; try again in a moment", end.text()))));
  }
  void stop(int grace_ms) {
    {
      const std::lock_guard lock(mutex);
      if (!stop_asked) outbox += fmt::format("{}\n", wire::kStop);
      folder.is_written();  // from here on it counts
      stop_asked = true;
      const std::int64_t at = base::steady_now_us() + std::int64_t{grace_ms} * 1000;
      kill_at_us = kill_at_us == 0 ? at : std::min(kill_at_us, at);
      patience_us = std::int64_t{grace_ms} * 2000;
    }
    poke();
  }
  void clean_up() {
    if (std::exchange(cleaned_up, true)) return;  // by then another job may have its name
    Cgroups::remove(cgroup);
    if (of_another)  // whose groups go with the last of its jobs
      for (const auto& [controller, group] : cgroup.folders) ::rmdir(group.parent_path().c_str());
    folder.remove();
  }
  void kill() {
    {
      const std::lock_guard lock(mutex);
      kill_at_us = 1;
      patience_us = 0;
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
  base::Fd take_channel() override { return std::move(running_->our_socket); }

 private:
  std::shared_ptr<Running> running_;
};

namespace {

std::filesystem::path made(std::filesystem::path folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw base::system_error(fmt::format("cannot make the folder of jobs '{}'", folder.string()), error.value());
  return folder;
}

}  // namespace

/// Those that live; what is left of others is removed.
std::vector<LocalWorker::Found> LocalWorker::find_jobs(const std::filesystem::path& folder) {
  std::vector<Found> found;
  for (const std::string& name : base::names_in(folder)) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;  // not a job's
    const std::filesystem::path job = folder / name;
    try {
      auto record =
          base::decode<Record>(base::parse_json(base::read_file(JobFolder::record_in(job)), "the record of a job"));
      if (attach_process(job)) {
        found.push_back({std::move(record), job});
        continue;
      }
    } catch (const base::Error&) {  // of a job that had not begun
    }
    JobFolder(job, JobFolder::Found{}).remove();
  }
  return found;
}

std::vector<std::string> LocalWorker::list() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const Found& job : found_) ids.push_back(job.record.id);
  return ids;
}

std::unique_ptr<Job> LocalWorker::attach(const std::string& id, std::int64_t number, JobListener listener) {
  std::shared_ptr<Running> running;
  {
    const std::lock_guard lock(mutex_);
    const auto job = std::find_if(found_.begin(), found_.end(), [&](const Found& one) { return one.record.id == id; });
    if (job == found_.end()) throw Error(Code::not_found, fmt::format("no job '{}' is here", id));
    running = std::make_shared<Running>(*job);
    found_.erase(job);
  }
  running->process = attach_process(running->folder.path());
  if (!running->process) throw Error(Code::not_found, fmt::format("job '{}' has just ended", id));
  running->set_listener(std::move(listener));
  running->say(fmt::format("{}{}\n", wire::kAttach, number));
  supervise_apart(running, false);
  return std::make_unique<LocalJob>(std::move(running));
}

LocalWorker::LocalWorker(Sandbox sandbox, std::filesystem::path folder, const std::filesystem::path& objects)
    : sandbox_(std::move(sandbox)),
      folder_(made(std::move(folder))),
      objects_(objects),
      attended_(attend(attended_file(folder_))),
      found_(find_jobs(folder_)) {
  ::signal(SIGPIPE, SIG_IGN);  // writing to a job that has ended is an error, not the end of this process
  sandbox_.check();
  const Protection has = protection();
  base::log_info("jobs: sandbox {}, limits by {}", has.sandbox ? "bubblewrap" : "NONE", has.limits_by);
  for (const std::string& missing : has.missing) base::log_warning("jobs are not limited in: {}", missing);
}

Protection LocalWorker::protection() const {
  Protection has{.sandbox = sandbox_.walls(), .limits_by = std::string(cgroups_.driver_name())};
  const auto want = [&](bool there, const char* what) {
    if (!there) has.missing.emplace_back(what);
  };
  want(cgroups_.limits("cpu"), "cpu");
  want(cgroups_.limits("memory"), "memory (only each process's private memory is)");
  want(cgroups_.limits("swap"), "swap");
  want(cgroups_.limits("pids") || limits_processes(), "processes");
  want(sandbox_.walls(), "disk");
  want(sandbox_.walls(), "system calls");
  return has;
}

// Where a process itself can be told so: root may always have more.
bool LocalWorker::limits_processes() const { return !cgroups_.limits("pids") && sandbox_.walls() && ::geteuid() != 0; }

LocalWorker::~LocalWorker() {
  std::unique_lock lock(mutex_);
  keeps_spare_ = false;
  for (const auto& running : running_) running->kill();
  changed_.wait(lock, [&] { return running_.empty(); });
}

std::shared_ptr<LocalWorker::Running> LocalWorker::make_running() {
  std::string name;
  do name = std::to_string(next_++);
  while (std::filesystem::exists(folder_ / name));  // of an earlier daemon's job
  return std::make_shared<Running>(cgroups_, name, folder_);
}

std::shared_ptr<LocalWorker::Running> LocalWorker::make_training() {
  auto running = make_running();
  running->start.outliving = Outliving{.folder = running->folder.path(),
                                       .record = running->folder.record(),
                                       .claims = cgroups_.claims(),
                                       .attended = attended_file(folder_)};
  running->checkpoint_files = running->folder.make_checkpoint_files();
  running->on_first_step = [this] { start_spare(); };
  return running;
}

std::unique_ptr<Job> LocalWorker::start(const Order& order, JobListener listener) {
  if (order.program.train) return train(order, std::move(listener));
  if (order.program.serve) return serve(order, std::move(listener));
  throw Error(Code::internal, "an order to do nothing");
}

std::unique_ptr<Job> LocalWorker::train(const Order& order, JobListener listener) {
  std::shared_ptr<Running> running = take_spare(order.limits, listener);
  const bool has_started = running != nullptr;
  if (!has_started) {
    running = make_training();
    running->set_listener(std::move(listener));
    running->start.file_limit_bytes = checkpoint_limit_bytes(order.limits.memory_bytes);
    limit(*running, order.limits);
  }
  try {
    if (!order.id.empty()) outlive(*running, order.id);
    prepare(*running, order);
    if (!has_started) launch(running, wire::kTrainMode);
  } catch (...) {
    running->set_listener({});  // the caller hears of it here
    running->kill();
    throw;
  }
  return std::make_unique<LocalJob>(std::move(running));
}

/// From here on the job needs this daemon no longer.
void LocalWorker::outlive(const Running& running, const std::string& id) {
  Record record{.id = id, .cgroup = {}};
  for (const auto& [controller, folder] : running.cgroup.folders) {
    record.cgroup.push_back(controller);
    record.cgroup.push_back(folder.string());
  }
  const auto half = running.folder.path() / "job.tmp";
  base::write_all(base::Fd(::open(half.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
                  base::to_text(base::encode(record)), half.string());
  std::filesystem::rename(half, running.folder.record());
}

/// Puts what the job needs into its folder and says what to do.
void LocalWorker::prepare(Running& running, const Order& order) const {
  for (const Input& input : order.inputs) running.folder.link(objects_.path_of(input.sha256), input.name);
  wire::Order program = order.program;
  if (program.train) {
    for (const std::string& file : running.checkpoint_files)
      program.train->checkpoint_files.push_back(wire::output_path(file));
    program.train->file_limit_bytes = checkpoint_limit_bytes(order.limits.memory_bytes);
    program.train->memory_bytes = order.limits.memory_bytes;
  }
  if (program.serve) program.serve->memory_bytes = order.limits.memory_bytes;
  running.order(program);
}

std::unique_ptr<Job> LocalWorker::serve(const Order& order, JobListener listener) {
  const std::shared_ptr<Running> running = make_running();
  running->set_listener(std::move(listener));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw base::system_error("cannot make a socket", errno);
  running->our_socket = base::Fd(ends[0]);
  running->their_socket = base::Fd(ends[1]);
  running->start.socket = ends[1];
  limit(*running, order.limits);
  prepare(*running, order);
  launch(running, wire::kServeMode);
  return std::make_unique<LocalJob>(running);
}

void LocalWorker::limit(Running& running, const Limits& limits) const {
  if (cgroups_.limit(running.cgroup, limits.cpus, limits.memory_bytes)) return;
  if (limits.memory_bytes > 0) running.start.data_limit_bytes = limits.memory_bytes + kMemoryBesidesBytes;
}

void LocalWorker::launch(const std::shared_ptr<Running>& running, std::string_view mode, bool waits) {
  running->start.command =
      sandbox_.command(running->folder.path(), mode, running->checkpoint_files, limits_processes());
  running->start.environment = sandbox_.environment();
  running->start.folder = running->folder.path();
  running->start.filter = sandbox_.filter();
  running->start.cgroup_procs = running->cgroup.procs_files();
  supervise_apart(running, waits);
}

void LocalWorker::supervise_apart(const std::shared_ptr<Running>& running, bool waits) {
  {
    const std::lock_guard lock(mutex_);
    running_.insert(running);
    if (waits) spare_ = running;
  }
  try {
    std::thread([this, running] { supervise(running); }).detach();  // the destructor waits for it through running_
  } catch (...) {
    const std::string why = base::caught().message;
    const std::lock_guard lock(mutex_);
    running_.erase(running);
    if (waits) spare_ = nullptr;
    throw Error(Code::unavailable, fmt::format("cannot start a thread for a job: {}", why));
  }
}

void LocalWorker::keep_spare() {
  {
    const std::lock_guard lock(mutex_);
    keeps_spare_ = true;
  }
  start_spare();
}

void LocalWorker::start_spare() {
  try {
    std::unique_lock lock(mutex_);
    if (keeps_spare_ && !spare_ && !starts_spare_) start_waiting(lock);
  } catch (...) {  // the next training takes a little longer to start, and that is all
    base::log_warning("no process waits for the next training: {}", base::caught().message);
  }
}

/// Makes the process that waits; the lock is not held while that takes.
void LocalWorker::start_waiting(std::unique_lock<Mutex>& lock) {
  starts_spare_ = true;
  lock.unlock();
  const std::shared_ptr<void> over(nullptr, [&](void*) {
    lock.lock();
    starts_spare_ = false;
    changed_.notify_all();
  });
  launch(make_training(), wire::kTrainMode, true);
}

std::future<wire::Event> LocalWorker::ask(const wire::CheckJob& job) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return spare_ || !starts_spare_; });
  if (!spare_) start_waiting(lock);
  if (!spare_)
    throw Error(Code::unavailable, "the process that checks model files ended at once; try again in a moment");
  return spare_->ask(job);
}

wire::Checked LocalWorker::check(const wire::CheckJob& job) {
  std::future<wire::Event> answer = ask(job);
  if (answer.wait_for(kCheckPatience) != std::future_status::ready)
    throw Error(Code::unavailable,
                fmt::format("the model file was not checked within {} s, because others are; try again in a moment",
                            kCheckPatience.count()));
  const wire::Event event = answer.get();
  if (event.checked) return *event.checked;
  throw Error(base::code_named(event.code.value_or("")),
              base::shortened(event.text.value_or("it cannot be checked"), kRefusalBytes),
              base::shortened(event.where.value_or(""), kPlaceBytes));
}

/// The spare, which has these limits and this listener from now on; null when there is none.
std::shared_ptr<LocalWorker::Running> LocalWorker::take_spare(const Limits& limits, JobListener& listener) {
  const std::lock_guard lock(mutex_);
  // A check may take long; a new process does not.
  if (!spare_ || spare_->is_asked() || !cgroups_.limits("memory")) return nullptr;
  const std::shared_ptr<Running> spare = std::exchange(spare_, nullptr);
  if (!cgroups_.limit(spare->cgroup, limits.cpus, limits.memory_bytes)) {  // it uses more than that already
    spare->kill();
    return nullptr;
  }
  spare->set_listener(std::move(listener));
  return spare;
}

namespace {

// The talk with one process, until it has ended and everything it said is heard.
class Talk {
 public:
  Talk(Process process, const JobFolder& folder, std::function<void(const wire::Event&)> tell)
      : process_(std::move(process)),
        folder_(folder),
        waits_for_attached_(!process_.is_child),
        tell_(std::move(tell)),
        exit_(static_cast<int>(::syscall(SYS_pidfd_open, process_.pid, 0))) {
    const int why = errno;
    if (exit_) return;
    reap();
    throw base::system_error("cannot watch a job's process", why);
  }
  ~Talk() { reap(); }
  Talk(const Talk&) = delete;

  template <class State>
  JobEnd run(State& state) {
    while (!exited_) wait_and_handle(state);
    const int status = reap();
    // What still writes has left the job's group, and is not waited for.
    for (int i = 0; i < kLastReads && read_events(state); ++i) {}
    for (int i = 0; i < kLastReads && read_errors(); ++i) {}
    if (!errors_.rest().empty()) last_words_ = base::printable(errors_.rest(), kWordsLimit);
    JobEnd end{.spoke_nonsense = spoke_nonsense_, .last_words = failure_.empty() ? last_words_ : failure_};
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
    if (end.exit_code > 128 && end.exit_code <= 128 + 64) {  // how the sandbox tells of a signal
      end.signal = end.exit_code - 128;
      end.exit_code = 0;
    }
    return end;
  }

 private:
  // Ends it, with whatever it left behind (without walls, that is possible). Its status.
  int reap() {
    int status = 0;
    if (process_.pid <= 0) return status;
    if (process_.is_child || !exited_) kill_process(process_);  // else its number may be another's by now
    if (process_.is_child)
      while (::waitpid(process_.pid, &status, 0) < 0 && errno == EINTR) {}
    else
      status = status_of_ended(folder_.path());
    process_.pid = -1;
    return status;
  }

  template <class State>
  void wait_and_handle(State& state) {
    bool has_text = false;
    int timeout_ms = -1;
    {
      const std::lock_guard lock(state.mutex);
      has_text = !state.outbox.empty();
      if (state.kill_at_us != 0) {
        std::int64_t left_us = state.kill_at_us - base::steady_now_us();
        if (left_us <= 0 && !killed_) {
          if (state.patience_us > 0 && state.folder.is_written()) {
            const std::int64_t more_us = std::min(state.patience_us, kWhileWritingUs);
            state.patience_us -= more_us;
            state.kill_at_us += more_us - left_us;
            left_us = more_us;
          } else {
            kill_process(process_);
            killed_ = true;
          }
        }
        timeout_ms = killed_ ? -1 : static_cast<int>(left_us / 1000 + 1);
      }
    }
    const bool hears = allowance_.any();
    if (!hears && (timeout_ms < 0 || timeout_ms > Allowance::kWaitMs)) timeout_ms = Allowance::kWaitMs;
    pollfd fds[] = {{exit_.get(), POLLIN, 0},
                    {state.wake.get(), POLLIN, 0},
                    {events_open_ && hears ? process_.events.get() : -1, POLLIN, 0},
                    {errors_open_ && hears ? process_.errors.get() : -1, POLLIN, 0},
                    {has_text && process_.control ? process_.control.get() : -1, POLLOUT, 0}};
    if (::poll(fds, std::size(fds), timeout_ms) < 0) {
      if (errno == EINTR) return;
      throw base::system_error("cannot wait for a job", errno);
    }
    if (fds[1].revents != 0) {
      std::uint64_t count;
      [[maybe_unused]] const ssize_t ignored = ::read(state.wake.get(), &count, sizeof count);
    }
    if (fds[2].revents != 0) events_open_ = read_events(state);
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
  template <class State>
  bool read_events(State& state) {
    char buffer[16384];
    const ssize_t got = ::read(process_.events.get(), buffer, sizeof buffer);
    if (got <= 0) return got < 0 && errno == EINTR;
    allowance_.take(got);
    if (!failure_.empty()) return true;
    try {
      events_.add({buffer, static_cast<std::size_t>(got)}, [&](std::string_view line) {
        if (line.empty()) return;
        if (std::exchange(waits_for_attached_, waits_for_attached_ && !says_attached(line))) return;
        const auto event = base::decode<wire::Event>(base::parse_json(base::to_utf8(line), "event of the job"));
        if (event.kind == wire::EventKind::attached) return;
        tell_(event);
        if (event.number) state.say(fmt::format("{}{}\n", wire::kKept, *event.number));
        if (event.kind == wire::EventKind::step && state.on_first_step) std::exchange(state.on_first_step, nullptr)();
      });
    } catch (...) {
      // What it said cannot be kept, so going on would lose it: end it here; its last checkpoint is safe.
      const Error error = base::caught();
      spoke_nonsense_ = error.code == Code::invalid_argument || error.code == Code::too_large;
      failure_ = base::printable(error.message, kWordsLimit);
      if (process_.pid > 0) kill_process(process_);
    }
    return true;
  }

  // What comes before was for another, or is its rest: all that must not be lost comes again.
  static bool says_attached(std::string_view line) {
    try {
      return base::decode<wire::Event>(base::parse_json(base::to_utf8(line), "event of the job")).kind ==
             wire::EventKind::attached;
    } catch (const base::Error&) {
      return false;
    }
  }

  bool read_errors() {
    char buffer[4096];
    const ssize_t got = ::read(process_.errors.get(), buffer, sizeof buffer);
    if (got <= 0) return got < 0 && errno == EINTR;
    allowance_.take(got);
    try {
      errors_.add({buffer, static_cast<std::size_t>(got)}, [&](std::string_view line) {
        if (line.empty()) return;
        last_words_ = base::printable(line, kWordsLimit);
        tell_({.kind = wire::EventKind::log, .text = base::printable(line, kLogLineLimit)});
      });
    } catch (...) {
      base::log_warning("a log line of a job is lost: {}", base::caught().message);
      errors_ = {};
    }
    return true;
  }

  Process process_;
  const JobFolder& folder_;
  bool waits_for_attached_;
  std::function<void(const wire::Event&)> tell_;
  base::Fd exit_;  // readable once the process has ended
  bool exited_ = false, killed_ = false, events_open_ = true, errors_open_ = true, spoke_nonsense_ = false;
  Allowance allowance_;
  Lines events_, errors_;
  std::string last_words_, failure_;
};

}  // namespace

void LocalWorker::supervise(const std::shared_ptr<Running>& running) {
  JobEnd end;
  try {
    Process process = running->process ? std::move(*running->process) : start_process(running->start);
    Talk talk(std::move(process), running->folder,
              [&running, folder = running->folder.out()](const wire::Event& event) {
                if (event.kind == wire::EventKind::checked) return running->answer(event);
                const JobListener listener = running->hears();
                if (event.kind == wire::EventKind::checkpoint) {
                  const base::Fd bytes = base::open_foreign_file(folder, event.file.value_or(""));
                  if (listener.checkpoint) listener.checkpoint(event, bytes);
                } else if (listener.event) {
                  listener.event(event);
                }
              });
    running->their_socket.reset();
    end = talk.run(*running);
  } catch (...) {
    end = {.exit_code = wire::kCannotRun, .never_began = true, .last_words = base::caught().message};
  }
  running->their_socket.reset();
  {
    const std::lock_guard lock(mutex_);
    if (spare_ == running) spare_ = nullptr;  // from here on nobody gives it a listener
  }
  end.out_of_memory = cgroups_.ran_out_of_memory(running->cgroup);
  running->clean_up();
  running->answer_no_more(end);
  try {
    if (const JobListener listener = running->hears(); listener.end) listener.end(end);
  } catch (...) {
    base::log_error("job {}: {}", running->name, base::caught().message);
  }
  running->set_listener({});
  const std::lock_guard lock(mutex_);
  running_.erase(running);
  changed_.notify_all();
}

std::unique_ptr<Worker> make_local_worker(const std::filesystem::path& folder, const std::filesystem::path& objects,
                                          const std::filesystem::path& neon, bool walls) {
  auto worker = std::make_unique<LocalWorker>(Sandbox(neon, walls), folder, objects);
  worker->keep_spare();
  return worker;
}

}  // namespace cloud
