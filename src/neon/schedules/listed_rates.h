#pragma once
#include <cstdint>
#include <optional>
#include <span>

namespace neon {

/// The rate of the last listed epoch that has come; the base rate before the first. Whatever the order of the list.
inline double listed_rate(std::span<const std::int64_t> epochs, std::span<const double> rates, double base_rate,
                          std::int64_t epoch) {
  std::optional<std::int64_t> latest;
  double rate = base_rate;
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    if (epochs[i] > epoch || (latest && epochs[i] <= *latest)) continue;
    latest = epochs[i];
    rate = rates[i];
  }
  return rate;
}

}  // namespace neon
