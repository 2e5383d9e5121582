#include "neon/initializer.h"

#include <gtest/gtest.h>

#include <numeric>

#include "neon/shelf_configs_test.h"

namespace neon {
namespace {

std::vector<float> filled(std::string_view type, std::string_view config, std::int64_t rows, std::int64_t columns) {
  const auto init =
      Shelf<Initializer>::instance().make({std::string(type), base::parse_json(config, "test").as_object(), "/init"});
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  base::Random random(1, 2);
  init->fill(values, rows, columns, random);
  return values;
}

struct Moments {
  double mean, deviation, least, largest;
};

Moments moments(std::string_view type, std::string_view config, std::int64_t rows = 200, std::int64_t columns = 100) {
  const std::vector<float> values = filled(type, config, rows, columns);
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

using Numbers = std::vector<float>;

TEST(Initializer, ArrayTakesValuesOneByOneRowByRowOrOneForAll) {
  EXPECT_EQ(filled("Array", R"({"val":[[1,2,3],[4,5,6]]})", 2, 3), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(filled("Array", R"({"val":[1,2,3,4,5,6]})", 3, 2), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(filled("Array", R"({"val":2.5})", 1, 3), (Numbers{2.5, 2.5, 2.5}));
  EXPECT_EQ(filled("Array", "{}", 1, 2), (Numbers{0, 0}));
  const auto refusal = [](std::string_view config) -> std::string {
    try {
      filled("Array", config, 3, 2);
    } catch (const base::Error& error) {
      return error.where + ": " + error.message;
    }
    return "accepted";
  };
  EXPECT_EQ(refusal(R"({"val":[[1,2,3],[4,5,6]]})"),
            ": the initializer Array has 2 rows of 3 numbers, but the parameter has 3 rows of 2");
  EXPECT_EQ(refusal(R"({"val":[1,2,3]})"), ": the initializer Array has 3 numbers, but the parameter has 3 rows of 2");
  EXPECT_EQ(refusal(R"({"val":[[1,2],[3]]})"), "/init/config/val: the rows must be equally long, got 2 and 1 numbers");
  EXPECT_NE(refusal(R"({"val":"1"})").find("expected a number, a list of numbers, or a list of such lists"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"val":[]})"), "accepted");
  EXPECT_NE(refusal(R"({"val":[[]]})"), "accepted");
}

TEST(Initializer, IdentityInitHasOnesOnTheDiagonal) {
  EXPECT_EQ(filled("IdentityInit", "{}", 2, 3), (Numbers{1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(filled("IdentityInit", "{}", 3, 2), (Numbers{1, 0, 0, 1, 0, 0}));
}

/// The largest distance of W·Wᵀ, or of Wᵀ·W for tall W, from `square`·1.
double distance_from_orthogonal(const Numbers& w, std::int64_t rows, std::int64_t columns, double square) {
  const bool is_tall = rows > columns;
  const std::int64_t count = std::min(rows, columns), length = std::max(rows, columns);
  const auto at = [&](std::int64_t i, std::int64_t k) {
    return static_cast<double>(w[static_cast<std::size_t>(is_tall ? k * columns + i : i * columns + k)]);
  };
  double worst = 0;
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      double product = 0;
      for (std::int64_t k = 0; k < length; ++k) product += at(i, k) * at(j, k);
      worst = std::max(worst, std::abs(product - (i == j ? square : 0)));
    }
  return worst;
}

TEST(Initializer, OrthonormalIsOrthogonalInEveryShape) {
  const std::vector<std::pair<std::int64_t, std::int64_t>> shapes{{1, 1},   {1, 5},   {5, 1},    {16, 16},
                                                                  {17, 40}, {40, 17}, {130, 130}};
  for (const auto& [rows, columns] : shapes)
    EXPECT_LT(distance_from_orthogonal(filled("Orthonormal", "{}", rows, columns), rows, columns, 1.21), 1e-6)
        << rows << " x " << columns;
  EXPECT_LT(distance_from_orthogonal(filled("Orthonormal", R"({"scale":3})", 8, 20), 8, 20, 9), 1e-5);
}

TEST(Initializer, OrthonormalPrefersNoDirection) {
  const Moments m = moments("Orthonormal", R"({"scale":1})", 100, 200);
  EXPECT_NEAR(m.mean, 0, 0.002);
  EXPECT_NEAR(m.deviation, std::sqrt(1.0 / 200), 1e-5);  // each of the rows has length 1
  EXPECT_LT(m.least, -0.2);
  EXPECT_GT(m.largest, 0.2);
}

TEST(Initializer, EveryMemberFillsEverythingFromTheSameNumbersAgain) {
  const testing::Samples samples{{"val", {"0.25", "[[1,2,3],[4,5,6]]", "[1,2,3,4,5,6]"}}, {"low", {"-1"}}};
  for (const Part& part : testing::all_configurations<Initializer>(samples)) {
    const std::string config = base::to_text(part.config);
    const Numbers first = filled(part.type, config, 2, 3);
    EXPECT_EQ(first, filled(part.type, config, 2, 3)) << testing::text_of(part);
    EXPECT_TRUE(std::ranges::all_of(first, [](float v) { return std::isfinite(v); })) << testing::text_of(part);
  }
}

TEST(Initializer, RefusesWhatDoesNotFit) {
  EXPECT_THROW(moments("Uniform", R"({"low":1,"high":0})"), base::Error);
  EXPECT_THROW(moments("Gaussian", R"({"scale":-1})"), base::Error);
  EXPECT_THROW(moments("Gaussian", R"({"mean":1})"), base::Error);
  EXPECT_THROW(moments("Gausian", "{}"), base::Error);
}

}  // namespace
}  // namespace neon
