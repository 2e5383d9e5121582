#pragma once
#include <cstdint>
#include <vector>

namespace aeon {

/// The order of all records in one epoch: a Fisher-Yates shuffle drawn from (seed, epoch). record_count <= 2^31.
std::vector<std::uint32_t> shuffled_order(std::int64_t record_count, std::uint64_t seed, std::uint64_t epoch);

}  // namespace aeon
