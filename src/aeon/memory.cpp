#include "aeon/memory.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"

namespace aeon {

SharedMemory::Lease SharedMemory::take(std::int64_t bytes) {
  std::unique_lock lock(mutex_);
  given_back_.wait(lock, [&] { return left_ >= bytes || bytes > bytes_; });
  if (bytes > bytes_)
    throw base::Error(base::Code::too_large,
                      fmt::format("decoding it takes {} of memory, and there are {} for that; make it smaller, or give "
                                  "the job more memory",
                                  base::size_text(bytes), base::size_text(bytes_)));
  left_ -= bytes;
  return {*this, bytes};
}

void SharedMemory::resize(std::int64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    left_ += bytes - bytes_;
    bytes_ = bytes;
  }
  given_back_.notify_all();
}

void SharedMemory::Lease::give_back() {
  if (from_ == nullptr) return;
  {
    const std::lock_guard lock(from_->mutex_);
    from_->left_ += bytes_;
  }
  from_->given_back_.notify_all();
  from_ = nullptr;
}

}  // namespace aeon
