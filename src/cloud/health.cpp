#include "cloud/health.h"

#include "base/caught.h"
#include "base/log.h"

namespace cloud {

Health::Health(std::function<std::string()> what_hangs, std::chrono::milliseconds patience)
    : what_hangs_(std::move(what_hangs)), patience_(patience), watcher_([this] { watch(); }) {}

Health::~Health() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ending_.notify_all();
  watcher_.join();
}

void Health::watch() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    lock.unlock();
    std::string found;
    try {
      found = what_hangs_();
    } catch (...) {
      found = fmt::format("the check of what answers ({})", base::caught().message);
    }
    lock.lock();
    if (!found.empty() && found_.empty()) base::log_error("{} does not answer", found);
    if (found.empty() && !found_.empty()) base::log_info("{} answers again", found_);
    found_ = std::move(found);
    found_at_ = Clock::now();
    ending_.wait_for(lock, kPeriod, [this] { return ended_; });
  }
}

std::string Health::trouble() const {
  const std::lock_guard lock(mutex_);
  if (found_.empty() && Clock::now() - found_at_ > kPeriod + patience_) return "the daemon";
  return found_;
}

}  // namespace cloud
