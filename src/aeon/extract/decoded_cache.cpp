#include "aeon/extract/decoded_cache.h"

#include <algorithm>
#include <cstring>

namespace aeon {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

/// What is kept of one element besides its numbers.
struct Head {
  Extents shape;
  tensor::Dtype dtype;
};

/// Heads and numbers of all kinds may stand behind so many bytes.
std::size_t aligned(std::size_t bytes) { return (bytes + 3) / 4 * 4; }

}  // namespace

DecodedCache::DecodedCache(std::int64_t record_count, std::size_t columns, std::int64_t limit_bytes, std::int64_t bytes)
    : columns_(columns),
      entries_(limit_bytes > 0 ? static_cast<std::size_t>(record_count) : 0),
      limit_left_(limit_bytes) {
  add_memory(bytes);
}

void DecodedCache::add_memory(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  const std::int64_t granted = std::clamp<std::int64_t>(bytes, 0, limit_left_);
  limit_left_ -= granted;
  budget_ += static_cast<std::size_t>(granted);
}

DecodedCache::~DecodedCache() = default;

bool DecodedCache::find(std::int64_t record, std::span<DecodedView> views) const {
  if (entries_.empty()) return false;
  const std::byte* entry = entries_[static_cast<std::size_t>(record)].load(std::memory_order_acquire);
  if (entry == nullptr) return false;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(entry + columns_ * sizeof(Head));
  for (std::size_t column = 0; column < columns_; ++column) {
    Head head;
    std::memcpy(&head, entry + column * sizeof head, sizeof head);
    views[column] = {head.dtype, head.shape, bytes};
    bytes += aligned(views[column].size_bytes());
  }
  return true;
}

void DecodedCache::keep(std::int64_t record, std::span<const DecodedView> views) {
  if (entries_.empty()) return;
  std::size_t size = columns_ * sizeof(Head);
  for (const DecodedView& view : views) size += aligned(view.size_bytes());
  std::byte* entry = take(size);
  if (entry == nullptr) return;
  std::byte* bytes = entry + columns_ * sizeof(Head);
  for (std::size_t column = 0; column < columns_; ++column) {
    const Head head{views[column].shape, views[column].dtype};
    std::memcpy(entry + column * sizeof head, &head, sizeof head);
    std::memcpy(bytes, views[column].bytes, views[column].size_bytes());
    bytes += aligned(views[column].size_bytes());
  }
  // Two threads may have decoded the same record; either copy will do.
  entries_[static_cast<std::size_t>(record)].store(entry, std::memory_order_release);
}

// Memory for an entry, or nullptr when the budget is spent.
std::byte* DecodedCache::take(std::size_t bytes) {
  const std::size_t rounded = (bytes + 7) / 8 * 8;
  const std::lock_guard lock(mutex_);
  if (rounded > budget_) {
    budget_ = 0;  // or else ever smaller records would still be tried
    return nullptr;
  }
  budget_ -= rounded;
  if (rounded > kBlockBytes / 4) return blocks_.emplace_back(new std::byte[rounded]).get();
  if (rounded > block_left_) {
    block_next_ = blocks_.emplace_back(new std::byte[kBlockBytes]).get();
    block_left_ = kBlockBytes;
  }
  std::byte* entry = block_next_;
  block_next_ += rounded;
  block_left_ -= rounded;
  return entry;
}

}  // namespace aeon
