#include "tensor/normalisation.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tensor {
namespace {

TEST(NearestPowerOfTwo, IsTheRoundedLogarithmWithTheSign) {
  for (float s = 1e-6f; s < 1e6f; s *= 1.0371f) {
    const float power = std::exp2(std::rint(std::log2(s)));
    EXPECT_EQ(nearest_power_of_two(s), power) << s;
    EXPECT_EQ(nearest_power_of_two(-s), -power) << s;
  }
}

TEST(NearestPowerOfTwo, TurnsAtTheRootOfTwo) {
  EXPECT_EQ(nearest_power_of_two(1.4142135f), 1);
  EXPECT_EQ(nearest_power_of_two(1.4142137f), 2);
  EXPECT_EQ(nearest_power_of_two(0), 0);
}

}  // namespace
}  // namespace tensor
