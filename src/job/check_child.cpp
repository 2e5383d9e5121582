#include "job/check_child.h"

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
#include "base/log.h"
#include "job/small_model.h"
#include "wire/process.h"

namespace job {

using base::Code;
using base::Error;

namespace {

constexpr int kComputingS = 5, kAnswerMs = 10000;
constexpr std::int64_t kMemoryBytes = std::int64_t{512} << 20;  // beside what this process has already
constexpr std::size_t kTextBytes = 8000, kAnswerBytes = 32000;

wire::Event answer_with(const Error& error) {
  return {.kind = wire::EventKind::checked,
          .code = std::string(base::kind_of(error.code).name),
          .text = base::shortened(error.message, kTextBytes),
          .where = error.where};
}

Error cannot_be_checked(std::string_view why) {
  return {Code::invalid_argument,
          fmt::format("this model file cannot be checked: {}; is it what it should be? Make it smaller", why)};
}

wire::Event found_or_error(const Find& find, const wire::CheckJob& job) {
  try {
    return find(job);
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

std::string all_of(const base::Fd& pipe) {
  std::string text;
  char buffer[16384];
  while (const std::size_t got = base::read_some(pipe, buffer)) text.append(buffer, got);
  return text;
}

[[noreturn]] void be_child(const Find& find, int orders, int answers) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::dup2(orders, wire::kControl) < 0 || ::dup2(answers, wire::kEvents) < 0 ||
      ::close_range(wire::kEvents + 1, ~0U, 0) != 0)
    ::_exit(1);
  limit(RLIMIT_DATA, data_bytes() + kMemoryBytes);
  limit(RLIMIT_CPU, kComputingS);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NPROC, 0);
  pollfd order{.fd = wire::kControl, .events = POLLIN, .revents = 0};
  if (::poll(&order, 1, 0) == 0) found_or_error(find, {.model_file = "small", .yaml = std::string(kSmallModel)});
  const std::string line = all_of(base::Fd(wire::kControl));
  if (line.empty()) ::_exit(0);  // nobody wants anything any more
  const auto job = base::decode<wire::Order>(base::parse_json(line, "the order")).check;
  base::write_all(base::Fd(wire::kEvents), base::to_text(base::encode(found_or_error(find, job.value()))),
                  "the answer");
  ::_exit(0);
}

wire::Event answer_in(const std::string& text) {
  if (text.size() > kAnswerBytes) throw cannot_be_checked("there is too much to say of it");
  auto event = base::decode<wire::Event>(base::parse_json(text, "the answer"));
  if (event.kind != wire::EventKind::checked) throw cannot_be_checked("the program that reads it said something else");
  return event;
}

/// Of a child that gave no answer, for which `error` is the reason unless a signal is. `slow`: it had used up its time.
Error end_of(int status, bool slow, const Error& error) {
  if (!WIFSIGNALED(status)) return error;
  const int signal = WTERMSIG(status);
  if (signal == SIGXCPU || (signal == SIGKILL && slow))
    return cannot_be_checked(fmt::format("that takes more than {} s", kComputingS));
  if (signal == SIGKILL) return {Code::unavailable, "the process that reads model files was killed; try again"};
  return cannot_be_checked(
      fmt::format("the program that reads it ended with signal {} ({})", signal, ::strsignal(signal)));
}

}  // namespace

CheckChild::CheckChild(const Find& find) {
  ::prctl(PR_SET_DUMPABLE, 0);  // no child reaches into this process, nor into another
  int orders[2], answers[2];
  if (::pipe2(orders, O_CLOEXEC) != 0) throw base::system_error("cannot make a pipe", errno);
  const base::Fd their_orders(orders[0]);
  to_ = base::Fd(orders[1]);
  if (::pipe2(answers, O_CLOEXEC) != 0) throw base::system_error("cannot make a pipe", errno);
  from_ = base::Fd(answers[0]);
  const base::Fd their_answers(answers[1]);
  pid_ = ::fork();
  if (pid_ < 0) throw base::system_error("cannot start a process", errno);
  if (pid_ > 0) return;
  try {
    be_child(find, their_orders.get(), their_answers.get());
  } catch (...) {  // nothing of a child's comes back into what is the parent's
    ::_exit(1);
  }
}

CheckChild::~CheckChild() { end(); }

void CheckChild::order(std::string_view line) {
  until_us_ = base::steady_now_us() + std::int64_t{kAnswerMs} * 1000;
  number_ = base::decode<wire::Order>(base::parse_json(line, "the order")).check.value().number;
  try {
    base::write_all(to_, line, "an order");
  } catch (const Error&) {  // it has ended, and answer() says how
  }
  to_.reset();
}

bool CheckChild::hear() {
  char buffer[4096];
  const std::size_t got = base::read_some(from_, buffer);
  text_.append(buffer, got);
  return got == 0 || text_.size() > kAnswerBytes;
}

int CheckChild::end() {
  int status = 0;
  if (pid_ <= 0) return status;
  ::kill(pid_, SIGKILL);  // it is done, or too slow
  rusage used{};
  while (::wait4(pid_, &status, 0, &used) < 0 && errno == EINTR) {}
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  constexpr double kNearly = 0.5;  // the kernel counts in steps
  slow_ = seconds(used.ru_utime) + seconds(used.ru_stime) > kComputingS - kNearly || base::steady_now_us() >= until_us_;
  pid_ = -1;
  return status;
}

wire::Event CheckChild::answer() {
  wire::Event answer;
  try {
    answer = answer_in(text_);
  } catch (...) {
    const Error error = base::caught();
    const int status = end();
    answer = answer_with(text_.size() > kAnswerBytes ? error : end_of(status, slow_, error));
  }
  answer.answers = number_;
  return answer;
}

}  // namespace job
