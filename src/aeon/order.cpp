#include "aeon/order.h"

#include <numeric>
#include <utility>

#include "base/random.h"

namespace aeon {

std::vector<std::uint32_t> shuffled_order(std::int64_t record_count, std::uint64_t seed, std::uint64_t epoch) {
  constexpr std::uint64_t kOrderStream = 0x6F72646572;  // "order"
  std::vector<std::uint32_t> order(static_cast<std::size_t>(record_count));
  std::iota(order.begin(), order.end(), 0u);
  base::Random random(seed, base::stream_of(kOrderStream, epoch));
  for (std::size_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[random.below(left)]);
  return order;
}

}  // namespace aeon
