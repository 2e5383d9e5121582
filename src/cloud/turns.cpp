#include "cloud/turns.h"

namespace cloud {

Turns::Turn::Turn(Turns& turns, std::int64_t model) : turns_(turns), model_(model) {
  {
    const std::lock_guard lock(turns_.mutex_);
    Entry& entry = turns_.entries_[model_];
    ++entry.wanted;
    mutex_ = &entry.mutex;
  }
  mutex_->lock();
}

// All under one lock: whoever waits for all turns to end may destroy them then.
Turns::Turn::~Turn() {
  const std::lock_guard lock(turns_.mutex_);
  mutex_->unlock();
  const auto entry = turns_.entries_.find(model_);
  if (--entry->second.wanted == 0) turns_.entries_.erase(entry);
  if (turns_.entries_.empty()) turns_.none_.notify_all();
}

void Turns::wait_for_none() {
  std::unique_lock lock(mutex_);
  none_.wait(lock, [&] { return entries_.empty(); });
}

void Turns::Turn::unlock() { mutex_->unlock(); }
void Turns::Turn::lock() { mutex_->lock(); }

}  // namespace cloud
