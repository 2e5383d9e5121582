#include "cloud/local/process.h"

#include <fcntl.h>
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

void never_block(const base::Fd& fd) { ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK); }

struct ChildEnds {
  int in, out, error, socket;
};

// In the child of a process with threads: only calls that are safe there, nothing that allocates.
[[noreturn]] void become_child(const ProcessStart& start, char* const* command, char* const* environment,
                               ChildEnds ends, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent ended before the line above
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(ends.in, 0);
  ::dup2(ends.out, 1);
  ::dup2(ends.error, 2);
  if (ends.socket >= 0) ::dup2(ends.socket, 3);
  ::close_range(ends.socket >= 0 ? 4 : 3, ~0U, 0);
  for (const std::string& file : start.cgroup_procs) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && ::write(fd, "0", 1) != 1) ::_exit(126);
    ::close(fd);
  }
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (start.data_limit_bytes > 0) {
    const rlimit data{static_cast<rlim_t>(start.data_limit_bytes), static_cast<rlim_t>(start.data_limit_bytes)};
    ::setrlimit(RLIMIT_DATA, &data);
  }
  ::execve(command[0], command, environment);
  const char* why = std::strerror(errno);
  [[maybe_unused]] ssize_t ignored = ::write(2, "cannot run ", 11);
  ignored = ::write(2, command[0], std::strlen(command[0]));
  ignored = ::write(2, ": ", 2);
  ignored = ::write(2, why, std::strlen(why));
  ::_exit(127);
}

}  // namespace

Process start_process(const ProcessStart& start) {
  Process process;
  base::Fd in, out, error, socket;
  make_pipe(in, process.control);
  make_pipe(process.events, out);
  make_pipe(process.errors, error);
  if (start.socket >= 0) {
    socket = base::Fd(::fcntl(start.socket, F_DUPFD_CLOEXEC, 10));
    if (!socket) throw base::system_error("cannot duplicate a descriptor", errno);
  }
  never_block(process.control);
  never_block(process.events);
  never_block(process.errors);
  const std::vector<char*> command = pointers(start.command);
  const std::vector<char*> environment = pointers(start.environment);
  const pid_t parent = ::getpid();
  process.pid = ::fork();
  if (process.pid < 0) throw base::system_error("cannot start a process", errno);
  if (process.pid == 0)
    become_child(start, command.data(), environment.data(), {in.get(), out.get(), error.get(), socket.get()}, parent);
  ::setpgid(process.pid, process.pid);  // whoever is first
  return process;
}

ProcessResult run_to_end(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  Process process = start_process({.command = command, .environment = environment});
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
