#include "neon/lowering/placement.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace neon {
namespace {

TEST(Placement, SharesRoomBetweenNeedsThatDoNotMeet) {
  const auto placement = place({{128, 0, 1}, {128, 1, 2}, {128, 2, 3}}, {});
  EXPECT_EQ(placement.size_bytes, 256u);
  EXPECT_EQ(placement.offsets[0], placement.offsets[2]);
  EXPECT_NE(placement.offsets[0], placement.offsets[1]);
}

TEST(Placement, FillsGapsBelowWithTheSmaller) {
  // The large ones leave a gap while the small one lives.
  const auto placement = place({{640, 0, 9}, {640, 0, 2}, {64, 5, 6}}, {});
  EXPECT_EQ(placement.size_bytes, 1280u);
  EXPECT_EQ(placement.offsets[2], 640u);
}

TEST(Placement, GivesNothingToWhatNoStepNames) {
  const auto placement = place({{1 << 20, -1, -1}, {1, 0, 0}}, {});
  EXPECT_EQ(placement.size_bytes, kAlignment);
}

TEST(Placement, ReplacesOnlyAtTheLastUse) {
  const Replacement chain[] = {{1, 0, 1}, {2, 1, 2}};
  EXPECT_EQ(place({{256, 0, 1}, {256, 1, 2}, {256, 2, 3}}, chain).size_bytes, 256u);
  // Buffer 0 is read once more, so 1 needs a room of its own.
  EXPECT_EQ(place({{256, 0, 2}, {256, 1, 2}, {256, 2, 3}}, chain).size_bytes, 512u);
  // Another size.
  EXPECT_EQ(place({{256, 0, 1}, {128, 1, 2}}, {{Replacement{1, 0, 1}}}).size_bytes, 384u);
}

TEST(Placement, PeakIsWhatNoPlacementCanDoWithout) {
  EXPECT_EQ(peak({{128, 0, 1}, {128, 1, 2}, {128, 2, 3}}, {}), 256u);
  const Replacement chain[] = {{1, 0, 1}, {2, 1, 2}};
  EXPECT_EQ(peak({{256, 0, 1}, {256, 1, 2}, {256, 2, 3}}, chain), 256u);
  EXPECT_EQ(peak({{1, -1, -1}, {1, 0, Need::kToTheEnd}, {65, 7, 7}}, {}), 3 * kAlignment);
}

TEST(Placement, NeverLetsTwoThatMeetOverlap) {
  base::Random random(7, 0);
  const auto below = [&](std::uint64_t bound) { return static_cast<int>(random.next() % bound); };
  for (int round = 0; round < 200; ++round) {
    std::vector<Need> needs;
    for (int i = 0; i < 40; ++i) {
      const int first = below(30);
      needs.push_back(
          {static_cast<std::size_t>(below(5000)) + 1, first, below(12) == 0 ? Need::kToTheEnd : first + below(8)});
    }
    const auto placement = place(needs, {});
    EXPECT_LE(peak(needs, {}), placement.size_bytes);
    for (std::size_t a = 0; a < needs.size(); ++a)
      for (std::size_t b = 0; b < a; ++b) {
        const bool meet = needs[a].first <= needs[b].last && needs[b].first <= needs[a].last;
        const std::size_t begin = placement.offsets[a], other = placement.offsets[b];
        EXPECT_TRUE(!meet || begin + needs[a].size_bytes <= other || other + needs[b].size_bytes <= begin);
        EXPECT_LE(begin + needs[a].size_bytes, placement.size_bytes);
      }
  }
}

}  // namespace
}  // namespace neon
