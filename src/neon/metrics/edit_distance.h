#pragma once
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace neon {

/// How many elements must be replaced, put in or taken out to make one list of the other. Source: Levenshtein 1966;
/// the table of Wagner and Fischer 1974, of which one row is kept.
template <class Element>
std::int64_t edit_distance(const std::vector<Element>& a, const std::vector<Element>& b) {
  std::vector<std::int64_t> row(b.size() + 1);  // of the elements of a so far, to the first j of b
  std::iota(row.begin(), row.end(), std::int64_t{0});
  for (const Element& element : a) {
    std::int64_t diagonal = row[0]++;
    for (std::size_t j = 1; j < row.size(); ++j) {
      const std::int64_t replaced = diagonal + (element == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace neon
