#include "job/memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace job {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

// The allocator's losses, stacks, and what threads keep from image to image.
constexpr std::int64_t kSpareBytes = 48 * kMiB;

// An ordinary photo of 12 million pixels, whatever the limit says: better a try than no service.
constexpr std::int64_t kLeastDecodingBytes = 40 * kMiB;
constexpr std::int64_t kMostDecodingBytes = 1024 * kMiB;

constexpr std::int64_t kPlentyBytes = 16 * 1024 * kMiB;

}  // namespace

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0, resident = 0, shared = 0;
  if (!(statm >> size >> resident >> shared)) return 0;
  return (resident - shared) * ::sysconf(_SC_PAGESIZE);
}

std::int64_t memory_left(std::int64_t limit_bytes) {
  if (limit_bytes <= 0) return kPlentyBytes;
  return std::max<std::int64_t>(limit_bytes - resident_bytes() - kSpareBytes, 0);
}

std::int64_t decoding_bytes(std::int64_t left_bytes) {
  return std::clamp(left_bytes, kLeastDecodingBytes, kMostDecodingBytes);
}

}  // namespace job
