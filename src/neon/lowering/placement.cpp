#include "neon/lowering/placement.h"

#include <algorithm>
#include <numeric>

namespace neon {
namespace {

/// For each buffer the one whose room it takes, which may be itself. Prolongs the need of that one.
std::vector<std::size_t> roots_of(std::vector<Need>& needs, std::span<const Replacement> replacements) {
  std::vector<std::size_t> root(needs.size());
  std::iota(root.begin(), root.end(), std::size_t{0});
  for (const Replacement& r : replacements) {
    std::size_t from = r.src;
    while (root[from] != from) from = root[from] = root[root[from]];  // halves the way for the next one
    Need &src = needs[from], &dst = needs[r.dst];
    if (src.size_bytes != dst.size_bytes || src.last != r.step || dst.first != r.step) continue;
    root[r.dst] = from;
    src.last = dst.last;
  }
  return root;
}

}  // namespace

std::size_t peak(std::vector<Need> needs, std::span<const Replacement> replacements) {
  const std::vector<std::size_t> root = roots_of(needs, replacements);
  std::vector<std::pair<int, std::size_t>> begins, ends;  // step, bytes
  for (std::size_t i = 0; i < needs.size(); ++i) {
    if (root[i] != i || needs[i].first < 0) continue;
    begins.emplace_back(needs[i].first, aligned(needs[i].size_bytes));
    ends.emplace_back(needs[i].last, aligned(needs[i].size_bytes));
  }
  std::sort(begins.begin(), begins.end());
  std::sort(ends.begin(), ends.end());
  std::size_t now = 0, most = 0, ended = 0;
  for (const auto& [step, bytes] : begins) {
    for (; ended < ends.size() && ends[ended].first < step; ++ended) now -= ends[ended].second;
    most = std::max(most, now += bytes);
  }
  return most;
}

Placement place(std::vector<Need> needs, std::span<const Replacement> replacements) {
  const std::vector<std::size_t> root = roots_of(needs, replacements);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < needs.size(); ++i)
    if (root[i] == i && needs[i].first >= 0) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return needs[a].size_bytes > needs[b].size_bytes; });

  Placement placement{std::vector<std::size_t>(needs.size(), 0)};
  for (std::size_t placed = 0; placed < order.size(); ++placed) {
    const Need& need = needs[order[placed]];
    std::vector<std::pair<std::size_t, std::size_t>> taken;  // [begin, end)
    for (std::size_t other = 0; other < placed; ++other) {
      const Need& o = needs[order[other]];
      const std::size_t begin = placement.offsets[order[other]];
      if (o.first <= need.last && need.first <= o.last) taken.emplace_back(begin, begin + aligned(o.size_bytes));
    }
    std::sort(taken.begin(), taken.end());
    std::size_t offset = 0;
    for (const auto& [from, to] : taken) {
      if (from >= offset + aligned(need.size_bytes)) break;
      offset = std::max(offset, to);
    }
    placement.offsets[order[placed]] = offset;
    placement.size_bytes = std::max(placement.size_bytes, offset + aligned(need.size_bytes));
  }
  for (std::size_t i = 0; i < needs.size(); ++i) {
    std::size_t at = i;
    while (root[at] != at) at = root[at];
    placement.offsets[i] = placement.offsets[at];
  }
  return placement;
}

}  // namespace neon
