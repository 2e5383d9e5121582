#include "tensor/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace tensor {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

Arena::Arena(std::size_t size_bytes) : size_bytes_(size_bytes) {
  const std::size_t alignment = size_bytes >= kHugePage ? kHugePage : 64;
  const std::size_t rounded = (size_bytes + alignment - 1) / alignment * alignment;
  auto* data = static_cast<std::byte*>(std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded));
  if (data == nullptr)
    throw base::Error(base::Code::unavailable,
                      fmt::format("no memory for the {:.1f} GiB that this network needs; use a smaller batch",
                                  static_cast<double>(size_bytes) / (1 << 30)));
  data_.reset(data);
  if (alignment == kHugePage) ::madvise(data, rounded, MADV_HUGEPAGE);  // fewer TLB misses; a refusal does no harm
  std::memset(data, 0, rounded);
}

void Arena::Free::operator()(std::byte* data) const { std::free(data); }

}  // namespace tensor
