#include "tensor/roi_pooling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace tensor {
namespace {

/// One map of 4×6 whose numbers count upwards, pooled to 2×2.
std::vector<float> pooled(const RegionPooling& how, std::vector<float> regions) {
  std::vector<float> map(24), dst(static_cast<std::size_t>(how.bins() * how.regions));
  std::iota(map.begin(), map.end(), 0.0f);
  std::vector<std::int32_t> taken(dst.size());
  const Kernel kernel = region_pooling_forward(how);
  kernel->bind(0, reinterpret_cast<std::byte*>(map.data()));
  kernel->bind(1, reinterpret_cast<std::byte*>(regions.data()));
  kernel->bind(2, reinterpret_cast<std::byte*>(dst.data()));
  kernel->bind(3, reinterpret_cast<std::byte*>(taken.data()));
  kernel->run({});
  return dst;
}

constexpr RegionPooling kOne{1, 1, 4, 6, 1, 2, 2, 0.5};

TEST(RegionPooling, TakesTheLargestOfEachBin) {
  // Corners (1, 0) and (4, 3): four columns and four rows, both corners inside.
  EXPECT_EQ(pooled(kOne, {0, 2, 0, 8, 6}), (std::vector<float>{8, 10, 20, 22}));
}

TEST(RegionPooling, OverlapsWhereBinsDoNotDivideTheRegion) {
  // Three columns in two bins: 0 to 1.5 and 1.5 to 3, each to all cells that it touches.
  EXPECT_EQ(pooled(kOne, {0, 0, 0, 4, 2}), (std::vector<float>{1, 2, 7, 8}));
}

TEST(RegionPooling, GivesZeroOutsideAndForNoNumbers) {
  EXPECT_EQ(pooled(kOne, {0, 100, 100, 120, 120}), (std::vector<float>{0, 0, 0, 0}));
  EXPECT_EQ(pooled(kOne, {0, 1e30f, -1e30f, INFINITY, 0}), (std::vector<float>{0, 0, 0, 0}));
  EXPECT_EQ(pooled(kOne, {0, NAN, NAN, NAN, NAN}), (std::vector<float>{0, 0, 0, 0}));
}

TEST(RegionPooling, PutsRegionsWhereTimeStepsStand) {
  RegionPooling two = kOne;
  two.regions = 2;
  EXPECT_EQ(pooled(two, {0, 2, 0, 8, 6, 1, 0, 0, 4, 2}), (std::vector<float>{8, 1, 10, 2, 20, 7, 22, 8}));
}

}  // namespace
}  // namespace tensor
