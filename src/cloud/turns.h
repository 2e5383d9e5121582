#pragma once
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>

#include "cloud/lock_order.h"

namespace cloud {

/// One thing at a time happens to a model, while others happen to other models. Threads: any.
class Turns {
 public:
  /// Until this ends, it is the holder's turn with the model.
  class Turn {
   public:
    Turn(Turns& turns, std::int64_t model);
    ~Turn();
    Turn(const Turn&) = delete;

    void unlock();  ///< for a while, in which others have theirs
    void lock();

   private:
    Turns& turns_;
    const std::int64_t model_;
    Mutex* mutex_ = nullptr;
  };

  /// Until nobody has or wants a turn.
  void wait_for_none();

 private:
  struct Entry {
    Mutex mutex{locks::kTurn};
    int wanted = 0;
  };
  std::mutex mutex_;
  std::condition_variable none_;
  std::map<std::int64_t, Entry> entries_;  // of models that somebody has or waits for
};

}  // namespace cloud
