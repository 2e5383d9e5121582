#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "aeon/extract/extractor.h"

namespace aeon {

/// Decoded records in memory, up to a number of bytes; those that come first stay. Threads: any number at once.
class DecodedCache {
 public:
  /// Takes at most `limit_bytes`, of which `bytes` may be taken now.
  DecodedCache(std::int64_t record_count, std::size_t columns, std::int64_t limit_bytes, std::int64_t bytes);
  ~DecodedCache();
  DecodedCache(const DecodedCache&) = delete;
  DecodedCache& operator=(const DecodedCache&) = delete;

  /// Fills `views`, one per column; false when the record is not kept. The views hold as long as the cache.
  bool find(std::int64_t record, std::span<DecodedView> views) const;

  /// Keeps a copy while there is room.
  void keep(std::int64_t record, std::span<const DecodedView> views);

  /// So much more may be taken.
  void add_memory(std::int64_t bytes);

 private:
  std::byte* take(std::size_t bytes);

  std::size_t columns_;
  std::vector<std::atomic<const std::byte*>> entries_;  // per record: columns_ × Head, then their numbers
  std::mutex mutex_;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;  // entries are cut from these
  std::size_t block_left_ = 0;
  std::byte* block_next_ = nullptr;
  std::int64_t limit_left_;  // never to be granted beyond
  std::size_t budget_ = 0;
};

}  // namespace aeon
