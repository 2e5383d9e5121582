#pragma once
#include <cstdint>
#include <span>

namespace neon {

/// Index of the largest value, the first of equals; -1 when a value is not a number, which then equals no class.
inline std::int64_t largest(std::span<const float> row) {
  std::size_t best = 0;
  bool is_number = true;
  for (std::size_t i = 0; i < row.size(); ++i) {
    is_number &= row[i] == row[i];
    if (row[i] > row[best]) best = i;
  }
  return is_number && !row.empty() ? static_cast<std::int64_t>(best) : -1;
}

/// Rows whose output and target have the largest value in the same column.
inline std::int64_t rows_that_agree(std::span<const float> y, std::span<const float> t, std::int64_t rows,
                                    std::int64_t columns) {
  std::int64_t count = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto begin = static_cast<std::size_t>(row * columns), length = static_cast<std::size_t>(columns);
    const std::int64_t answer = largest(y.subspan(begin, length));
    count += answer >= 0 && answer == largest(t.subspan(begin, length));
  }
  return count;
}

}  // namespace neon
