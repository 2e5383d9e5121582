#include "base/nearest.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/utf8.h"

namespace base {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Levenshtein's distance with one row; case does not count.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string_view> known) {
  word = word.substr(0, 64);
  std::size_t best = (word.size() + 1) / 2;
  std::string_view found;
  for (const std::string_view candidate : known) {
    const std::size_t d = distance(word, candidate);
    if (d < best || (d == best && found.empty() && d < candidate.size())) {
      best = d;
      found = candidate;
    }
  }
  return std::string(found);
}

std::string unknown_word(std::string_view kind, std::string_view word, std::span<const std::string_view> known) {
  const std::string close = nearest(word, known);
  if (!close.empty()) return fmt::format("unknown {} '{}'; did you mean '{}'?", kind, cut_utf8(word, 64), close);
  return fmt::format("unknown {} '{}'; known are: {}", kind, cut_utf8(word, 64), fmt::join(known, ", "));
}

}  // namespace base
