#include "cloud/local/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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

void make_pipe(base::Fd& read_end, base::Fd& write_end) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw base::system_error("cannot make a pipe", errno);
  read_end = above(base::Fd(ends[0]));
  write_end = above(base::Fd(ends[1]));
}

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
  if (::close_range(0, ~0U, 0) != 0) ::_exit(wire::kCannotRun);
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  sigaddset(&awaited, kParentDied);
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0)
    if (::sigwaitinfo(&awaited, nullptr) == kParentDied && ::getppid() != parent) ::kill(0, SIGKILL);
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
  make_pipe(in, process.control);
  make_pipe(process.events, out);
  make_pipe(process.errors, error);
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
  const pid_t parent = ::getpid();
  process.pid = ::fork();
  check(process.pid >= 0, "cannot start a process");
  if (process.pid == 0) become_guard(start, command.data(), environment.data(), ends, parent);
  return process;
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
