#include "tensor/vector_math.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tensor {
namespace {

/// The largest relative error against double over floats of both signs, from tiny ones to `largest`.
template <class Quick, class Exact>
double worst_error(const Quick& quick, const Exact& exact, double lowest, double highest) {
  double worst = 0;
  for (double size = 1e-20; size < 200; size *= 1.00013)
    for (const double x : {size, -size}) {
      if (x < lowest || x > highest) continue;
      const auto given = static_cast<float>(x);
      const double expected = exact(static_cast<double>(given));
      worst = std::max(worst, std::abs(quick(given) - expected) / std::abs(expected));
    }
  return worst;
}

constexpr double kAll = 200;

TEST(VectorMath, ErrorsAreWhatTheHeaderStates) {
  EXPECT_LT(worst_error(exp_quick, [](double x) { return std::exp(x); }, -87.3, 88.3), 2e-7);
  EXPECT_LT(worst_error(logistic_quick, [](double x) { return 1 / (1 + std::exp(-x)); }, -87, kAll), 3e-7);
  EXPECT_LT(worst_error(tanh_quick, [](double x) { return std::tanh(x); }, -kAll, kAll), 4e-7);
  EXPECT_LT(worst_error(erf_quick, [](double x) { return std::erf(x); }, -kAll, kAll), 4e-7);
  EXPECT_LT(
      worst_error(
          softplus_quick, [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }, -87, kAll),
      5e-7);
}

TEST(VectorMath, EndsOfTheRange) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exp_quick(0), 1);
  EXPECT_EQ(exp_quick(-infinity), 0);
  EXPECT_EQ(exp_quick(-100), 0);
  EXPECT_EQ(exp_quick(89), infinity);
  EXPECT_EQ(exp_quick(infinity), infinity);
  EXPECT_EQ(logistic_quick(-infinity), 0);
  EXPECT_EQ(logistic_quick(infinity), 1);
  EXPECT_EQ(tanh_quick(-infinity), -1);
  EXPECT_EQ(tanh_quick(infinity), 1);
  EXPECT_EQ(erf_quick(-infinity), -1);
  EXPECT_EQ(erf_quick(infinity), 1);
  EXPECT_EQ(softplus_quick(-infinity), 0);
  EXPECT_EQ(softplus_quick(infinity), infinity);
}

TEST(VectorMath, NotANumberStaysSo) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (float (*function)(float) : {+[](float x) { return exp_quick(x); }, +[](float x) { return logistic_quick(x); },
                                   +[](float x) { return tanh_quick(x); }, +[](float x) { return erf_quick(x); },
                                   +[](float x) { return softplus_quick(x); }})
    EXPECT_TRUE(std::isnan(function(nan)));
}

}  // namespace
}  // namespace tensor
