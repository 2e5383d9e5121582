#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neon {

/// Figures about outputs y and targets t, both (rows, columns) row-major, of a whole set whose rows come in batches.
class Metric {
 public:
  static constexpr std::string_view kKind = "metric";
  virtual ~Metric() = default;
  virtual std::vector<std::string> names() const = 0;

  /// Errors: invalid_argument when the metric is made for another number of columns. add throws it, too.
  virtual void check_columns(std::int64_t columns) const { static_cast<void>(columns); }

  /// Whether it compares whole sequences, as the costs do that say so (Cost::compares_sequences), instead of rows. Then
  /// each call of add is for one example: y has its `rows` real steps, and t what its target says as one-hot rows, as
  /// many as the sequence can be long; and finish is told how many examples there were.
  virtual bool compares_sequences() const { return false; }

  /// What a set of rows adds up to: one sum for each figure, unless a metric needs others.
  virtual std::size_t sum_count() const { return names().size(); }

  /// Adds what these rows have of each of the sum_count() sums.
  virtual void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
                   std::span<double> sums) const = 0;

  /// The figures, in the order of names(), of a set of so many rows: the mean of each sum, unless a metric says
  /// otherwise.
  virtual void finish(std::span<const double> sums, std::int64_t rows, std::span<double> figures) const {
    for (std::size_t i = 0; i < figures.size(); ++i) figures[i] = sums[i] / static_cast<double>(rows);
  }
};

}  // namespace neon
