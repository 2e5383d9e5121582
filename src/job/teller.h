#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "wire/event.h"

namespace job {

/// Tells what happens, on wire::kEvents. What must not be lost it numbers and keeps until the one who listens has it in
/// safe hands: when that one is killed, the next hears it again. Steps are dropped while nobody reads. Threads: any.
class Teller {
 public:
  /// The event's number; 0 for one that has none. One write per event, so that lines never mix.
  std::int64_t tell(wire::Event event);

  /// All up to this number are in safe hands.
  void kept(std::int64_t number);

  /// Somebody new listens, who has all up to this number.
  void attach(std::int64_t number);

  void await_kept(std::int64_t number);

 private:
  struct Line {
    std::int64_t number;
    std::string text;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t last_ = 0, kept_ = 0;
  std::deque<Line> unkept_;
};

}  // namespace job
