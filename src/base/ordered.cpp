#include "base/ordered.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace base {
namespace {

// Locks are few and nested shallowly; they are not always let go in the reverse order.
constexpr std::size_t kMostHeld = 16;
struct Held {
  std::array<LockPlace, kMostHeld> places;
  std::size_t count = 0;
};
thread_local constinit Held held;

}  // namespace

void entering(const LockPlace& place) {
  for (std::size_t i = 0; i < held.count; ++i)
    if (held.places[i].rank >= place.rank)
      throw Error(Code::internal, fmt::format("the lock of {} may not be taken by who holds the lock of {}", place.name,
                                              held.places[i].name));
  if (held.count == kMostHeld)
    throw Error(Code::internal, fmt::format("{} locks are held at once, which is the limit", kMostHeld));
}

void entered(const LockPlace& place) { held.places[held.count++] = place; }

void left(const LockPlace& place) {
  const auto end = held.places.begin() + static_cast<std::ptrdiff_t>(held.count);
  const auto found =
      std::find_if(held.places.begin(), end, [&](const LockPlace& each) { return each.rank == place.rank; });
  if (found == end) return;
  std::copy(found + 1, end, found);
  --held.count;
}

}  // namespace base
