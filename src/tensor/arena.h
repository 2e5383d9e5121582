#pragma once
#include <cstddef>
#include <memory>

namespace tensor {

/// One block of zeroed memory, aligned to 64 bytes (to 2 MB when that large), for everything a plan needs.
class Arena {
 public:
  Arena() = default;
  explicit Arena(std::size_t size_bytes);
  std::byte* data() const { return data_.get(); }
  std::size_t size_bytes() const { return size_bytes_; }

 private:
  struct Free {
    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t size_bytes_ = 0;
};

}  // namespace tensor
