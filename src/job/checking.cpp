#include "job/checking.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>

#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "job/check.h"

namespace job {

using base::Code;
using base::Error;

namespace {

constexpr int kComputingS = 5, kAnswerMs = 10000;
constexpr std::int64_t kMemoryBytes = std::int64_t{512} << 20;  // beside what this process has already
constexpr std::size_t kAnswerBytes = std::size_t{256} << 10;

wire::Event answer_with(const Error& error) {
  return {.kind = wire::EventKind::checked,
          .code = std::string(base::kind_of(error.code).name),
          .text = error.message,
          .where = error.where};
}

Error cannot_be_checked(std::string_view why) {
  return {Code::invalid_argument,
          fmt::format("this model file cannot be checked: {}; is it what it should be? Make it smaller", why)};
}

wire::Event check(const wire::CheckJob& job) {
  const CheckedModel checked = check_model(job.yaml, job.model_file, job.columns, job.labels, job.batch_size);
  return {.kind = wire::EventKind::checked,
          .checked = wire::Checked{.epochs = checked.spec.epochs,
                                   .seed = checked.spec.seed,
                                   .memory_bytes = checked.memory_bytes,
                                   .warnings = checked.warnings}};
}

wire::Event found_or_error(const std::function<wire::Event()>& find) {
  try {
    return find();
  } catch (const std::bad_alloc&) {
    return answer_with(cannot_be_checked(fmt::format("that takes more than {} MiB of memory", kMemoryBytes >> 20)));
  } catch (...) {
    return answer_with(base::caught());
  }
}

void limit(__rlimit_resource resource, std::int64_t most) {
  const rlimit value{static_cast<rlim_t>(most), static_cast<rlim_t>(most)};
  ::setrlimit(resource, &value);
}

/// Of the mappings that RLIMIT_DATA counts.
std::int64_t data_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0, resident = 0, shared = 0, text = 0, library = 0, data = 0;
  statm >> size >> resident >> shared >> text >> library >> data;
  return data * ::sysconf(_SC_PAGESIZE);
}

[[noreturn]] void be_child(const std::function<wire::Event()>& find, int answer_to) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto kept = static_cast<unsigned>(answer_to);  // of all that the process has open
  if ((kept > 0 && ::close_range(0, kept - 1, 0) != 0) || ::close_range(kept + 1, ~0U, 0) != 0) ::_exit(1);
  limit(RLIMIT_DATA, data_bytes() + kMemoryBytes);
  limit(RLIMIT_CPU, kComputingS);
  limit(RLIMIT_FSIZE, 0);
  const base::Fd pipe(answer_to);
  base::write_all(pipe, base::to_text(base::encode(found_or_error(find))), "the answer");
  ::_exit(0);
}

/// What the child says until it closes the pipe; nothing more than kAnswerBytes, and nothing after kAnswerMs.
std::string read_answer(const base::Fd& pipe) {
  const std::int64_t until_us = base::steady_now_us() + std::int64_t{kAnswerMs} * 1000;
  std::string text;
  char buffer[4096];
  while (text.size() <= kAnswerBytes) {
    pollfd on{.fd = pipe.get(), .events = POLLIN, .revents = 0};
    const auto left_ms = static_cast<int>((until_us - base::steady_now_us()) / 1000);
    const int ready = left_ms > 0 ? ::poll(&on, 1, left_ms) : 0;
    if (ready < 0 && errno == EINTR) continue;
    const std::size_t got = ready > 0 ? base::read_some(pipe, buffer) : 0;
    if (got == 0) break;
    text.append(buffer, got);
  }
  return text;
}

wire::Event answer_of(const std::string& text, int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const bool slow = signal == SIGXCPU || signal == SIGKILL;
    return answer_with(cannot_be_checked(
        slow ? fmt::format("that takes more than {} s", kComputingS)
             : fmt::format("the program that reads it ended with signal {} ({})", signal, ::strsignal(signal))));
  }
  auto event = base::decode<wire::Event>(base::parse_json(text, "the answer"));
  if (event.kind != wire::EventKind::checked) throw cannot_be_checked("the program that reads it said something else");
  return event;
}

}  // namespace

wire::Event check_apart(const wire::CheckJob& job) {
  return find_apart([&] { return check(job); });
}

wire::Event find_apart(const std::function<wire::Event()>& find) {
  try {
    ::prctl(PR_SET_DUMPABLE, 0);  // no child reaches into this process
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw base::system_error("cannot make a pipe", errno);
    const base::Fd from_child(ends[0]);
    base::Fd to_parent(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) throw base::system_error("cannot start a process", errno);
    if (child == 0) be_child(find, to_parent.get());
    to_parent.reset();
    const std::string text = read_answer(from_child);
    ::kill(child, SIGKILL);  // it is done, or too slow
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return answer_of(text, status);
  } catch (...) {
    return answer_with(base::caught());
  }
}

}  // namespace job
