#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

namespace aeon {

/// Memory that several threads share: each takes what it needs, waits while others hold too much, and gives it back.
/// Threads: any number at once, each with one Lease at a time (two of one thread could wait for each other).
class SharedMemory {
 public:
  explicit SharedMemory(std::int64_t bytes) : bytes_(bytes), left_(bytes) {}

  /// A share that is given back when the object ends.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept : from_(std::exchange(other.from_, nullptr)), bytes_(other.bytes_) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this == &other) return *this;
      give_back();
      from_ = std::exchange(other.from_, nullptr);
      bytes_ = other.bytes_;
      return *this;
    }
    ~Lease() { give_back(); }
    void give_back();

   private:
    friend class SharedMemory;
    Lease(SharedMemory& from, std::int64_t bytes) : from_(&from), bytes_(bytes) {}
    SharedMemory* from_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  /// Waits until so much is left. Errors: too_large when it never will be.
  Lease take(std::int64_t bytes);

  /// There is more or less than was thought. What is held stays.
  void resize(std::int64_t bytes);

 private:
  std::int64_t bytes_, left_;
  std::mutex mutex_;
  std::condition_variable given_back_;
};

}  // namespace aeon
