#pragma once
#include <chrono>
#include <string_view>
#include <thread>

namespace base {

/// A lock's place in the one order in which a thread may take locks: higher ranks inside lower ones, never the other
/// way round and never two of one rank.
struct LockPlace {
  int rank = 0;
  std::string_view name;
};

/// What the calling thread holds. Errors of entering(): internal, naming both locks, when `place` may not be taken now.
void entering(const LockPlace& place);
void entered(const LockPlace& place);
void left(const LockPlace& place);

/// A mutex that has a place in the order, checked whenever it is locked: two threads that would wait for each other on
/// a day with much to do are an error of the first thread on any day. It costs a few instructions.
template <class Mutex>
class Ordered {
 public:
  explicit Ordered(LockPlace place) : place_(place) {}

  void lock() {
    entering(place_);
    mutex_.lock();
    entered(place_);
  }
  bool try_lock() {
    entering(place_);
    if (!mutex_.try_lock()) return false;
    entered(place_);
    return true;
  }
  /// Looks again every few milliseconds: for those who only want to know whether it can be had.
  bool try_lock_for(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!try_lock()) {
      if (std::chrono::steady_clock::now() >= end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  void unlock() {
    left(place_);
    mutex_.unlock();
  }
  void lock_shared() {
    entering(place_);
    mutex_.lock_shared();
    entered(place_);
  }
  void unlock_shared() {
    left(place_);
    mutex_.unlock_shared();
  }

 private:
  const LockPlace place_;
  Mutex mutex_;
};

}  // namespace base
