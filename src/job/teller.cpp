#include "job/teller.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "wire/process.h"

namespace job {
namespace {

void write_line(std::string_view rest) {
  while (!rest.empty()) {
    const ssize_t written = ::write(wire::kEvents, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) std::_Exit(wire::kUnheard);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

bool has_room() {
  pollfd events{.fd = wire::kEvents, .events = POLLOUT, .revents = 0};
  return ::poll(&events, 1, 0) != 0;
}

}  // namespace

std::int64_t Teller::tell(wire::Event event) {
  const bool lasts = wire::lasts(event.kind);
  const std::lock_guard lock(mutex_);
  if (event.kind == wire::EventKind::step && !has_room()) return 0;
  if (lasts) event.number = ++last_;
  std::string line = base::to_text(base::encode(event)) + "\n";
  write_line(line);
  if (!lasts) return 0;
  unkept_.push_back({last_, std::move(line)});
  return last_;
}

void Teller::kept(std::int64_t number) {
  const std::lock_guard lock(mutex_);
  kept_ = std::max(kept_, std::min(number, last_));
  while (!unkept_.empty() && unkept_.front().number <= kept_) unkept_.pop_front();
  changed_.notify_all();
}

void Teller::attach(std::int64_t number) {
  kept(number);
  const std::lock_guard lock(mutex_);
  // What the one before read may have ended within a line.
  write_line("\n" + base::to_text(base::encode(wire::Event{.kind = wire::EventKind::attached})) + "\n");
  for (const Line& line : unkept_) write_line(line.text);
}

void Teller::await_kept(std::int64_t number) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return kept_ >= number; });
}

}  // namespace job
