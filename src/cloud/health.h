#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace cloud {

/// Whether what everything waits for still answers. A thread of its own tries it once a second, so that asking costs
/// nothing and gets its answer at once, also when all else hangs. Threads: any.
class Health {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kPeriod{1000};
  static constexpr std::chrono::milliseconds kPatience{20000};  ///< with a check that does not come back

  /// `what_hangs` names it, or is empty.
  explicit Health(std::function<std::string()> what_hangs, std::chrono::milliseconds patience = kPatience);
  ~Health();
  Health(const Health&) = delete;

  /// What hangs; empty when all is well.
  std::string trouble() const;

 private:
  void watch();

  const std::function<std::string()> what_hangs_;
  const std::chrono::milliseconds patience_;
  mutable std::mutex mutex_;  // held for moments only, and never together with another
  std::condition_variable ending_;
  bool ended_ = false;
  std::string found_;
  Clock::time_point found_at_ = Clock::now();
  std::thread watcher_;
};

}  // namespace cloud
