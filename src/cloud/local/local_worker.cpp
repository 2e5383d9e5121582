#include "cloud/local/local_worker.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cloud/local/job_folder.h"
#include "cloud/local/process.h"
#include "cloud/local/talk.h"
#include "cloud/local_worker.h"

namespace cloud {

using base::Code;
using base::Error;

namespace {

constexpr Limits kCheckerLimits{.cpus = 2, .memory_bytes = std::int64_t{2560} << 20};  // for kChecksAtOnce
constexpr std::int64_t kMemoryBesidesBytes =
    512LL << 20;  // without a cgroup: code, stacks and reserves beside the model's memory

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
          base::decode<JobRecord>(base::parse_json(base::read_file(JobFolder::record_in(job)), "the record of a job"));
      if (attach_process(job)) {
        found.push_back({std::move(record), job});
        continue;
      }
    } catch (const base::Error&) {  // of a job that had not begun
    }
    if (std::filesystem::exists(job / "volumes")) {
      ended_.push_back(job);
      continue;
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

void LocalWorker::take_written(const std::function<void(const Written&)>& take) {
  take_written_ = take;
  for (const std::filesystem::path& path : std::exchange(ended_, {})) {
    JobFolder folder(path, JobFolder::Found{});
    if (!RunningJob::tell_written(folder.volumes(), take)) folder.keep();
  }
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
  if (!running->process) {
    if (take_written_ && !RunningJob::tell_written(running->folder.volumes(), take_written_)) running->folder.keep();
    throw Error(Code::not_found, fmt::format("job '{}' has just ended", id));
  }
  try {
    running->our_socket = running->folder.connect();
  } catch (...) {
    kill_process(*running->process);
    throw;
  }
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
      found_(find_jobs(folder_)),
      checker_([this](JobListener listener) { return start_checker(std::move(listener)); }) {
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
  ending_ = true;
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

std::shared_ptr<LocalWorker::Running> LocalWorker::make_outliving() {
  auto running = make_running();
  running->start.outliving = Outliving{.folder = running->folder.path(),
                                       .record = running->folder.record(),
                                       .claims = cgroups_.claims(),
                                       .attended = attended_file(folder_)};
  return running;
}

std::shared_ptr<LocalWorker::Running> LocalWorker::make_training() {
  auto running = make_outliving();
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
  if (!order.mounts.empty() && !sandbox_.walls())
    throw Error(Code::unavailable,
                "jobs find volumes only in a sandbox, and this server was started with --no-sandbox");
  // Into a process that waits nothing can be mounted any more.
  std::shared_ptr<Running> running = order.mounts.empty() ? take_spare(order.limits, listener) : nullptr;
  const bool has_started = running != nullptr;
  if (!has_started) {
    running = make_training();
    running->set_listener(std::move(listener));
    running->start.file_limit_bytes = checkpoint_limit_bytes(order.limits.memory_bytes);
    limit(*running, order.limits);
    running->mounts = order.mounts;
    running->mount_limit_bytes = order.mount_limit_bytes;
    running->keeps = order.keeps;
    if (!order.mounts.empty()) base::make_folders(running->folder.volumes());
  }
  try {
    outlive(*running, order);
    prepare(*running, order);
    if (!has_started) launch(running, wire::kTrainMode);
  } catch (...) {
    running->set_listener({});  // the caller hears of it here
    running->kill();
    throw;
  }
  return std::make_unique<LocalJob>(std::move(running));
}

/// From here on the job needs this daemon no longer, if its order has a name.
void LocalWorker::outlive(const Running& running, const Order& order) {
  if (order.id.empty()) return;
  JobRecord record{.id = order.id, .cgroup = {}, .mount_limit_bytes = order.mount_limit_bytes};
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
  const std::shared_ptr<Running> running = make_outliving();
  running->set_listener(std::move(listener));
  running->their_socket = running->folder.make_socket();
  running->our_socket = running->folder.connect();
  running->start.socket = running->their_socket.get();
  outlive(*running, order);
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
  running->start.command = sandbox_.command(running->folder.path(), mode, running->checkpoint_files,
                                            running->bound_folders(), limits_processes());
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
    if (ending_) running->kill();
    if (waits) spare_ = running;
    changed_.notify_all();
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
  try {
    checker_.start();
  } catch (...) {  // the first check tries again
    base::log_warning("no process waits to check model files: {}", base::caught().message);
  }
}

void LocalWorker::start_spare() {
  {
    const std::lock_guard lock(mutex_);
    if (!keeps_spare_ || spare_ || starts_spare_) return;
    starts_spare_ = true;
  }
  try {
    launch(make_training(), wire::kTrainMode, true);
  } catch (...) {  // the next training takes a little longer to start, and that is all
    base::log_warning("no process waits for the next training: {}", base::caught().message);
  }
  const std::lock_guard lock(mutex_);
  starts_spare_ = false;
  changed_.notify_all();
}

std::shared_ptr<LocalWorker::Running> LocalWorker::start_checker(JobListener listener) {
  const auto running = make_running();
  running->set_listener(std::move(listener));
  limit(*running, kCheckerLimits);
  launch(running, wire::kCheckMode);
  return running;
}

wire::Checked LocalWorker::check(const wire::CheckJob& job) { return checker_.check(job); }

/// The spare, which has these limits and this listener from now on; null when there is none.
std::shared_ptr<LocalWorker::Running> LocalWorker::take_spare(const Limits& limits, JobListener& listener) {
  if (!cgroups_.limits("memory")) return nullptr;
  std::unique_lock lock(mutex_);
  // One that is being made is ready sooner than another that is begun now.
  changed_.wait(lock, [&] { return spare_ || !starts_spare_; });
  if (!spare_) return nullptr;
  const std::shared_ptr<Running> spare = std::exchange(spare_, nullptr);
  if (!cgroups_.limit(spare->cgroup, limits.cpus, limits.memory_bytes)) {  // it uses more than that already
    spare->kill();
    return nullptr;
  }
  spare->set_listener(std::move(listener));
  return spare;
}

void LocalWorker::supervise(const std::shared_ptr<Running>& running) {
  JobEnd end;
  try {
    if (!running->mounts.empty()) running->fill_mounts(objects_);  // may take long
    Process process = running->process ? std::move(*running->process) : start_process(running->start);
    running->their_socket.reset();
    end = talk(std::move(process), *running, [&running, folder = running->folder.out()](const wire::Event& event) {
      const JobListener listener = running->hears();
      if (event.kind == wire::EventKind::checkpoint) {
        const base::Fd bytes = base::open_foreign_file(folder, event.file.value_or(""));
        if (listener.checkpoint) listener.checkpoint(event, bytes);
      } else if (listener.event) {
        listener.event(event);
      }
    });
  } catch (...) {
    end = {.exit_code = wire::kCannotRun, .never_began = true, .last_words = base::caught().message};
  }
  running->their_socket.reset();
  {
    const std::lock_guard lock(mutex_);
    if (spare_ == running) spare_ = nullptr;  // from here on nobody gives it a listener
  }
  end.out_of_memory = cgroups_.ran_out_of_memory(running->cgroup);
  const auto take = [listener = running->hears()](const Written& written) {
    if (listener.written) listener.written(written);
  };
  if (!RunningJob::tell_written(running->folder.volumes(), take)) running->folder.keep();
  running->clean_up();
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
