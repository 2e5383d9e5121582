#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neon {

/// A figure about outputs y and targets t, both (rows, columns) row-major, averaged over rows.
class Metric {
 public:
  static constexpr std::string_view kKind = "metric";
  virtual ~Metric() = default;
  virtual std::vector<std::string> names() const = 0;

  /// Adds the sum over rows of each figure to sums[i]; sums has names().size() entries.
  virtual void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
                   std::span<double> sums) const = 0;
};

}  // namespace neon
