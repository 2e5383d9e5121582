#include "neon/initializer.h"

#include <gtest/gtest.h>

#include <numeric>

#include "neon/shelf.h"

namespace neon {
namespace {

struct Moments {
  double mean, deviation, least, largest;
};

Moments moments(std::string_view type, std::string_view config, std::int64_t rows = 200, std::int64_t columns = 100) {
  const auto init =
      Shelf<Initializer>::instance().make({std::string(type), base::parse_json(config, "test").as_object(), "/init"});
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  base::Random random(1, 2);
  init->fill(values, rows, columns, random);
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const float v : values) squares += (v - mean) * (v - mean);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {mean, std::sqrt(squares / n), *low, *high};
}

TEST(Initializer, ConstantIsConstant) {
  const Moments m = moments("Constant", R"({"val":-7})");
  EXPECT_EQ(m.least, -7);
  EXPECT_EQ(m.largest, -7);
  EXPECT_EQ(moments("Constant", "{}").mean, 0);
}

void expect_uniform(const Moments& m, double low, double high) {
  EXPECT_GE(m.least, low);
  EXPECT_LE(m.largest, high);
  EXPECT_NEAR(m.mean, (low + high) / 2, 0.02 * (high - low));
  EXPECT_NEAR(m.deviation, (high - low) / std::sqrt(12.0), 0.02 * (high - low));
}

TEST(Initializer, UniformFillsItsRange) {
  expect_uniform(moments("Uniform", R"({"low":-3,"high":5})"), -3, 5);
  expect_uniform(moments("Uniform", "{}"), 0, 1);
}

TEST(Initializer, GlorotUniformUsesBothExtents) {
  const double bound = std::sqrt(6.0 / 300);
  expect_uniform(moments("GlorotUniform", "{}"), -bound, bound);
}

TEST(Initializer, XavierUsesTheFan) {
  expect_uniform(moments("Xavier", "{}"), -std::sqrt(3.0 / 200), std::sqrt(3.0 / 200));
  expect_uniform(moments("Xavier", R"({"local":false})"), -std::sqrt(3.0 / 100), std::sqrt(3.0 / 100));
}

TEST(Initializer, GaussianHasItsMoments) {
  const Moments m = moments("Gaussian", R"({"loc":2,"scale":0.5})");
  EXPECT_NEAR(m.mean, 2, 0.02);
  EXPECT_NEAR(m.deviation, 0.5, 0.02);
}

TEST(Initializer, KaimingUsesTheFan) {
  EXPECT_NEAR(moments("Kaiming", "{}").deviation, std::sqrt(2.0 / 200), 0.005);
  EXPECT_NEAR(moments("Kaiming", R"({"local":false})").deviation, std::sqrt(2.0 / 100), 0.005);
}

TEST(Initializer, RefusesWhatDoesNotFit) {
  EXPECT_THROW(moments("Uniform", R"({"low":1,"high":0})"), base::Error);
  EXPECT_THROW(moments("Gaussian", R"({"scale":-1})"), base::Error);
  EXPECT_THROW(moments("Gaussian", R"({"mean":1})"), base::Error);
  EXPECT_THROW(moments("Gausian", "{}"), base::Error);
}

}  // namespace
}  // namespace neon
