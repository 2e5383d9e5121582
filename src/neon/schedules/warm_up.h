#pragma once
#include <algorithm>
#include <cstdint>

namespace neon {

/// The share of the rate in an epoch of a warm-up: equal steps, the full rate right after it.
inline double warm_share(std::int64_t epoch, std::int64_t warmup_epochs) {
  return std::min(1.0, static_cast<double>(epoch + 1) / static_cast<double>(warmup_epochs + 1));
}

}  // namespace neon
