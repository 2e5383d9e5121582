#include "cloud/local/talk.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"

namespace cloud {

using base::Code;
using base::Error;

namespace {

constexpr std::size_t kLineLimit = std::size_t{1} << 20;  // of an event
constexpr std::size_t kWordsLimit = 500, kLogLineLimit = 4000;
constexpr int kLookMs = 1000;                        // between two looks at what it has written to volumes
constexpr int kLastReads = 256;                      // after the end; a pipe holds 1 MiB at most
constexpr std::int64_t kWhileWritingUs = 2'000'000;  // a job that writes a checkpoint does so at least this often

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

// How many bytes may be taken from a job now: a burst, and from then on so many a second.
class Allowance {
 public:
  Allowance(std::int64_t burst_bytes, std::int64_t bytes_per_second)
      : burst_bytes_(burst_bytes), bytes_per_second_(bytes_per_second), left_(burst_bytes) {}

  bool any() {
    const std::int64_t now = base::steady_now_us();
    left_ = std::min(burst_bytes_, left_ + (now - at_us_) * bytes_per_second_ / 1'000'000);
    at_us_ = now;
    return left_ > 0;
  }
  void take(std::int64_t bytes) { left_ -= bytes; }

  static constexpr int kWaitMs = 100;

 private:
  std::int64_t burst_bytes_, bytes_per_second_, left_, at_us_ = base::steady_now_us();
};

// The talk with one process, until it has ended and everything it said is heard.
class Talk {
 public:
  Talk(Process process, const JobFolder& folder, std::function<void(const wire::Event&)> tell)
      : process_(std::move(process)),
        folder_(folder),
        waits_for_attached_(!process_.is_child),
        tell_(std::move(tell)),
        has_volumes_(std::filesystem::exists(folder.volumes())),
        exit_(static_cast<int>(::syscall(SYS_pidfd_open, process_.pid, 0))) {
    const int why = errno;
    if (exit_) return;
    reap();
    throw base::system_error("cannot watch a job's process", why);
  }
  ~Talk() { reap(); }
  Talk(const Talk&) = delete;

  JobEnd run(RunningJob& state) {
    while (!exited_) wait_and_handle(state);
    const int status = reap();
    // What still writes has left the job's group, and is not waited for.
    for (int i = 0; i < kLastReads && read_events(state); ++i) {}
    for (int i = 0; i < kLastReads && read_errors(); ++i) {}
    try {
      tell_left_out();
    } catch (...) {
      base::log_warning("a log line of a job is lost: {}", base::caught().message);
    }
    if (!errors_.rest().empty()) last_words_ = base::printable(errors_.rest(), kWordsLimit);
    JobEnd end{.spoke_nonsense = spoke_nonsense_,
               .wrote_too_much = wrote_too_much_,
               .last_words = failure_.empty() ? last_words_ : failure_};
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

  void wait_and_handle(RunningJob& state) {
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
    if (has_volumes_) timeout_ms = timeout_ms < 0 ? kLookMs : std::min(timeout_ms, kLookMs);
    const bool hears = heard_.any(), reads = read_.any();
    if ((!hears || !reads) && (timeout_ms < 0 || timeout_ms > Allowance::kWaitMs)) timeout_ms = Allowance::kWaitMs;
    pollfd fds[] = {{exit_.get(), POLLIN, 0},
                    {state.wake.get(), POLLIN, 0},
                    {events_open_ && hears ? process_.events.get() : -1, POLLIN, 0},
                    {errors_open_ && reads ? process_.errors.get() : -1, POLLIN, 0},
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
    if (has_volumes_ && !exited_) look_at_volumes(state);
  }

  void look_at_volumes(const RunningJob& state) {
    const std::int64_t now = base::steady_now_us();
    if (wrote_too_much_ || now - looked_us_ < std::int64_t{kLookMs} * 1000) return;
    looked_us_ = now;
    failure_ = failure_.empty() ? state.overflow() : failure_;
    wrote_too_much_ = !failure_.empty();
    if (wrote_too_much_) kill_process(process_);
  }

  void write_control(RunningJob& state) {
    const std::lock_guard lock(state.mutex);
    const ssize_t written = ::write(process_.control.get(), state.outbox.data(), state.outbox.size());
    if (written > 0) state.outbox.erase(0, static_cast<std::size_t>(written));
    if (written < 0 && errno != EAGAIN && errno != EINTR) {
      process_.control.reset();  // it reads no more: it is ending
      state.outbox.clear();
    }
  }

  // False at the end, or (after the process has ended) when there is nothing more.
  bool read_events(RunningJob& state) {
    char buffer[16384];
    const ssize_t got = ::read(process_.events.get(), buffer, sizeof buffer);
    if (got <= 0) return got < 0 && errno == EINTR;
    heard_.take(got);
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

  void tell_left_out() {
    if (left_out_ == 0) return;
    errors_ = {};  // what began before is not whole
    tell_({.kind = wire::EventKind::log,
           .text = fmt::format("({} bytes of log are not kept)", std::exchange(left_out_, 0))});
  }

  // What it writes there is read even when it is too much to keep: a library that prints must not keep it waiting.
  bool read_errors() {
    char buffer[4096];
    const ssize_t got = ::read(process_.errors.get(), buffer, sizeof buffer);
    if (got <= 0) return got < 0 && errno == EINTR;
    read_.take(got);
    if (!heard_.any()) {
      left_out_ += got;
      return true;
    }
    heard_.take(got);
    tell_left_out();
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
  bool has_volumes_;
  base::Fd exit_;  // readable once the process has ended
  bool wrote_too_much_ = false;
  std::int64_t looked_us_ = 0;
  bool exited_ = false, killed_ = false, events_open_ = true, errors_open_ = true, spoke_nonsense_ = false;
  // Events beyond that stay in their pipe, and the job waits; of its log the rest is thrown away, up to what it may
  // write.
  Allowance heard_{std::int64_t{1} << 20, std::int64_t{128} << 10};
  Allowance read_{std::int64_t{64} << 20, std::int64_t{16} << 20};
  std::int64_t left_out_ = 0;  // bytes of log
  Lines events_, errors_;
  std::string last_words_, failure_;
};

}  // namespace

JobEnd talk(Process process, RunningJob& job, std::function<void(const wire::Event&)> tell) {
  return Talk(std::move(process), job.folder, std::move(tell)).run(job);
}

}  // namespace cloud
