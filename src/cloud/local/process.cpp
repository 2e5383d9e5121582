#include "cloud/local/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace cloud {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// Descriptors above the ones that the child's are put on.
base::Fd above(base::Fd fd) {
  base::Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 10));
  if (!copy) throw base::system_error("cannot duplicate a descriptor", errno);
  return copy;
}

base::Fd copied_above(int fd) {
  base::Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 10));
  if (!copy) throw base::system_error("cannot duplicate a descriptor", errno);
  return copy;
}

void make_pipe(base::Fd& read_end, base::Fd& write_end) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw base::system_error("cannot make a pipe", errno);
  read_end = above(base::Fd(ends[0]));
  write_end = above(base::Fd(ends[1]));
}

base::Fd opened(const std::filesystem::path& path, int how) {
  base::Fd fd(::open(path.c_str(), how | O_CLOEXEC, 0600));
  if (!fd) throw base::system_error(fmt::format("cannot open '{}'", path.string()), errno);
  return above(std::move(fd));
}

void block(const base::Fd& fd) { ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK); }

// Both ends of a named pipe; while somebody holds it open for both, neither end waits for the other.
void open_pipe(const std::filesystem::path& path, base::Fd& read_end, base::Fd& write_end) {
  read_end = opened(path, O_RDONLY | O_NONBLOCK);
  write_end = opened(path, O_WRONLY);
  block(read_end);
}

constexpr const char *kControlPipe = "control", *kEventsPipe = "events", *kLogPipe = "log";
constexpr const char* kGuardFile = "guard";  // the guard's pid, then the status of its job once that ended

// What a guard keeps open. Its file is locked as long as it lives.
struct Kept {
  base::Fd control, events, log, guard, attended;
};

void never_block(const base::Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK) != 0)
    throw base::system_error("cannot set up a pipe", errno);
}

void check(bool worked, const char* what) {
  if (!worked) throw base::system_error(what, errno);
}

struct ChildEnds {
  int in, out, error, socket;
  char filter[32] = "";  // the path of a new description, so that each child reads the file from its beginning
  int kept[5 + Outliving::kMaxClaims] = {};  // by the guard, in the order of Kept, then the claims
  int kept_count = 0;
  const char* record = nullptr;
};

// From here on in the child of a process with threads: only calls that are safe there, nothing that allocates.

[[noreturn]] void give_up(const char* what, const char* name) {
  const char* why = ::strerrordesc_np(errno);  // unlike strerror, without a lock
  if (why == nullptr) why = "unknown error";
  for (const char* text : {what, " ", name, ": ", why, "\n"})
    if (::write(wire::kLog, text, std::strlen(text)) < 0) break;
  ::_exit(wire::kCannotRun);
}

bool limit(__rlimit_resource resource, std::int64_t bytes) {
  const rlimit value{static_cast<rlim_t>(bytes), static_cast<rlim_t>(bytes)};
  return ::setrlimit(resource, &value) == 0;
}

[[noreturn]] void become_child(const ProcessStart& start, char* const* command, char* const* environment,
                               const ChildEnds& ends, pid_t guard) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != guard) ::_exit(wire::kCannotRun);  // the guard ended before the line above
  if (::dup2(ends.in, wire::kControl) < 0 || ::dup2(ends.out, wire::kEvents) < 0 || ::dup2(ends.error, wire::kLog) < 0)
    ::_exit(wire::kCannotRun);
  for (const int ignored : {SIGTERM, SIGINT, SIGHUP, SIGXFSZ}) ::signal(ignored, SIG_IGN);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (ends.socket >= 0 && ::dup2(ends.socket, wire::kSocket) < 0) give_up("cannot pass on", "the socket");
  if (ends.filter[0] != '\0') {
    const int filter = ::open(ends.filter, O_RDONLY);
    if (filter < 0 || ::dup2(filter, kChildFilter) < 0) give_up("cannot open", "the filter of system calls");
  }
  if (ends.socket < 0) ::close(wire::kSocket);
  const unsigned first = static_cast<unsigned>(ends.filter[0] != '\0' ? kChildFilter + 1 : kChildFilter);
  if (::close_range(first, ~0U, 0) != 0) give_up("cannot close", "what is not a job's");
  for (const std::string& file : start.cgroup_procs) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, "0", 1) != 1) give_up("cannot join", file.c_str());
    ::close(fd);
  }
  if (!limit(RLIMIT_CORE, 0) || (start.data_limit_bytes > 0 && !limit(RLIMIT_DATA, start.data_limit_bytes)) ||
      (start.file_limit_bytes > 0 && !limit(RLIMIT_FSIZE, start.file_limit_bytes)))
    give_up("cannot limit", command[0]);
  if (!start.folder.empty() && ::chdir(start.folder.c_str()) != 0) give_up("cannot go to", start.folder.c_str());
  ::execve(command[0], command, environment);
  give_up("cannot run", command[0]);
}

constexpr int kParentDied = SIGUSR1;
constexpr int kGuardFd = 3, kAttendedFd = 4;  // of what a guard keeps

bool is_attended() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(kAttendedFd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

// Nobody waits for the job's guard any more: it lives on while the record is there and somebody comes in time.
void look_after(const ChildEnds& ends, pid_t child, int& status) {
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  for (int alone_s = 0; ::waitpid(child, &status, WNOHANG) == 0;) {
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    if (::sigtimedwait(&ended, nullptr, &second) >= 0) continue;
    alone_s = is_attended() ? 0 : alone_s + 1;
    if (alone_s > kPatienceS || ::access(ends.record, F_OK) != 0) ::kill(0, SIGKILL);
  }
}

// bubblewrap's own processes tell each other of their deaths, but not from their first moment on. This process kills
// its group, which they are in from before they begin and stay in: so bubblewrap gets no --new-session.
[[noreturn]] void become_guard(const ProcessStart& start, char* const* command, char* const* environment,
                               const ChildEnds& ends, pid_t parent) {
  ::setsid();  // no terminal of the daemon's is one of the job's
  sigset_t awaited;
  sigfillset(&awaited);
  ::sigprocmask(SIG_SETMASK, &awaited, nullptr);
  ::signal(SIGCHLD, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, kParentDied);
  if (::getppid() != parent) ::_exit(wire::kCannotRun);  // the parent ended before the line above
  const pid_t guard = ::getpid();
  const pid_t child = ::_Fork();
  if (child == 0) become_child(start, command, environment, ends, guard);
  if (child < 0) {
    ::dup2(ends.error, wire::kLog);
    give_up("cannot start", command[0]);
  }
  ::prctl(PR_SET_NAME, "job guard");
  unsigned kept = 0;
  if (ends.record != nullptr) {
    for (; kept < static_cast<unsigned>(ends.kept_count); ++kept) ::dup2(ends.kept[kept], static_cast<int>(kept));
    [[maybe_unused]] const ssize_t ignored = ::pwrite(kGuardFd, &guard, sizeof guard, 0);
  }
  if (::close_range(kept, ~0U, 0) != 0) ::_exit(wire::kCannotRun);
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  sigaddset(&awaited, kParentDied);
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (::sigwaitinfo(&awaited, nullptr) != kParentDied || ::getppid() == parent) continue;
    if (ends.record == nullptr || ::access(ends.record, F_OK) != 0) ::kill(0, SIGKILL);
    look_after(ends, child, status);
    break;
  }
  if (kept > 0) {
    [[maybe_unused]] const ssize_t ignored = ::pwrite(kGuardFd, &status, sizeof status, sizeof guard);
  }
  if (WIFEXITED(status)) ::_exit(WEXITSTATUS(status));
  limit(RLIMIT_CORE, 0);
  const int ended_by = WTERMSIG(status);
  ::signal(ended_by, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::raise(ended_by);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::_exit(128 + ended_by);
}

}  // namespace

Process start_process(const ProcessStart& start) {
  Process process;
  base::Fd in, out, error, socket, filter;
  Kept kept;
  std::vector<base::Fd> claims;
  if (start.outliving) {
    for (const int claim : start.outliving->claims)
      if (claims.size() < Outliving::kMaxClaims) claims.push_back(copied_above(claim));
    const std::filesystem::path& folder = start.outliving->folder;
    kept = {opened(folder / kControlPipe, O_RDWR), opened(folder / kEventsPipe, O_RDWR),
            opened(folder / kLogPipe, O_RDWR), opened(folder / kGuardFile, O_RDWR | O_CREAT),
            opened(start.outliving->attended, O_RDWR | O_CREAT)};
    check(::flock(kept.guard.get(), LOCK_EX | LOCK_NB) == 0, "cannot lock a guard's file");
    open_pipe(folder / kControlPipe, in, process.control);
    open_pipe(folder / kEventsPipe, process.events, out);
    open_pipe(folder / kLogPipe, process.errors, error);
  } else {
    make_pipe(in, process.control);
    make_pipe(process.events, out);
    make_pipe(process.errors, error);
  }
  if (start.socket >= 0) {
    socket = base::Fd(::fcntl(start.socket, F_DUPFD_CLOEXEC, 10));
    check(socket.get() >= 0, "cannot duplicate a descriptor");
  }
  never_block(process.control);
  never_block(process.events);
  never_block(process.errors);
  const std::vector<char*> command = pointers(start.command);
  const std::vector<char*> environment = pointers(start.environment);
  ChildEnds ends{in.get(), out.get(), error.get(), socket.get()};
  if (start.filter >= 0) {
    filter = base::Fd(::fcntl(start.filter, F_DUPFD_CLOEXEC, 10));
    check(filter.get() >= 0, "cannot duplicate a descriptor");
    *fmt::format_to_n(ends.filter, sizeof ends.filter - 1, "/proc/self/fd/{}", filter.get()).out = 0;
  }
  std::string record;
  if (start.outliving) {
    record = start.outliving->record.string();
    ends.record = record.c_str();
    for (const base::Fd* fd : {&kept.control, &kept.events, &kept.log, &kept.guard, &kept.attended})
      ends.kept[ends.kept_count++] = fd->get();
    for (const base::Fd& claim : claims) ends.kept[ends.kept_count++] = claim.get();
  }
  const pid_t parent = ::getpid();
  process.pid = ::fork();
  check(process.pid >= 0, "cannot start a process");
  if (process.pid == 0) become_guard(start, command.data(), environment.data(), ends, parent);
  return process;
}

std::optional<Process> attach_process(const std::filesystem::path& folder) {
  const base::Fd guard = opened(folder / kGuardFile, O_RDONLY);
  if (::flock(guard.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;  // nobody has it any more
  Process process{.is_child = false};
  if (::pread(guard.get(), &process.pid, sizeof process.pid, 0) != sizeof process.pid || process.pid <= 1)
    return std::nullopt;
  process.control = opened(folder / kControlPipe, O_WRONLY | O_NONBLOCK);
  process.events = opened(folder / kEventsPipe, O_RDONLY | O_NONBLOCK);
  process.errors = opened(folder / kLogPipe, O_RDONLY | O_NONBLOCK);
  return process;
}

int status_of_ended(const std::filesystem::path& folder) {
  const base::Fd guard(::open((folder / kGuardFile).c_str(), O_RDONLY | O_CLOEXEC));
  int status = 0;
  return guard && ::pread(guard.get(), &status, sizeof status, sizeof(pid_t)) == sizeof status ? status : SIGKILL;
}

void kill_process(const Process& process) {
  // The guard may not have made the group yet when the first signal comes, but then has when the third does.
  ::kill(-process.pid, SIGKILL);
  ::kill(process.pid, SIGKILL);
  ::kill(-process.pid, SIGKILL);
}

ProcessResult run_to_end(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                         int filter) {
  Process process = start_process({.command = command, .environment = environment, .filter = filter});
  process.control.reset();
  ::fcntl(process.errors.get(), F_SETFL, 0);
  std::string text;
  char buffer[4096];
  while (const std::size_t got = base::read_some(process.errors, buffer)) text.append(buffer, got);
  int status = 0;
  while (::waitpid(process.pid, &status, 0) < 0 && errno == EINTR) {}
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto newline = text.rfind('\n');
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128,
          newline == std::string::npos ? text : text.substr(newline + 1)};
}

}  // namespace cloud
