#include "neon/metric.h"

#include <gtest/gtest.h>

#include <cmath>

#include "neon/shelf.h"

namespace neon {
namespace {

using Figures = std::map<std::string, double>;

Figures figures(std::string_view type, std::string_view config, const std::vector<float>& y,
                const std::vector<float>& t, std::int64_t rows) {
  const auto metric =
      Shelf<Metric>::instance().make({std::string(type), base::parse_json(config, "test").as_object(), "/metric"});
  const auto names = metric->names();
  std::vector<double> sums(names.size());
  metric->add(y, t, rows, static_cast<std::int64_t>(y.size()) / rows, sums);
  Figures result;
  for (std::size_t i = 0; i < names.size(); ++i) result[names[i]] = sums[i];
  return result;
}

TEST(Misclassification, TheFirstOfEqualOutputsCounts) {
  const std::vector<float> y{.2f, .5f, .3f, /**/ .4f, .4f, .2f, /**/ .4f, .4f, .2f},
      t{0, 1, 0, /**/ 1, 0, 0, /**/ 0, 1, 0};
  EXPECT_EQ(figures("Misclassification", "{}", y, t, 3), (Figures{{"Top1Misclass", 1}}));
  EXPECT_EQ(figures("Accuracy", "{}", y, t, 3), (Figures{{"Accuracy", 2}}));
}

TEST(Misclassification, OutputsThatAreNotNumbersAreWrong) {
  const std::vector<float> y(3, std::nanf("")), t{1, 0, 0};
  EXPECT_EQ(figures("Misclassification", "{}", y, t, 1).at("Top1Misclass"), 1);
  EXPECT_EQ(figures("Accuracy", "{}", y, t, 1).at("Accuracy"), 0);
  const Figures top = figures("TopKMisclassification", R"({"k":2})", y, t, 1);
  EXPECT_EQ(top.at("Top1Misclass"), 1);
  EXPECT_EQ(top.at("Top2Misclass"), 1);
  EXPECT_TRUE(std::isnan(top.at("LogLoss")));
}

TEST(TopKMisclassification, CountsTiesAsFractions) {
  const std::vector<float> t{1, 0, 0, 0, 0};
  const auto top3 = [&](const std::vector<float>& y) {
    return figures("TopKMisclassification", R"({"k":3})", y, t, 1);
  };
  // the largest
  EXPECT_EQ(top3({.5f, .2f, .1f, .1f, .1f}),
            (Figures{{"LogLoss", -std::log(.5)}, {"Top1Misclass", 0}, {"Top3Misclass", 0}}));
  // one larger, three equals for two places
  const Figures shared = top3({.125f, .5f, .125f, .125f, .0625f});
  EXPECT_NEAR(shared.at("LogLoss"), std::log(8.0), 1e-12);
  EXPECT_EQ(shared.at("Top1Misclass"), 1);
  EXPECT_NEAR(shared.at("Top3Misclass"), 1 - 2.0 / 3, 1e-12);
  // all equal
  const Figures equal = top3({.25f, .25f, .25f, .25f, .25f});
  EXPECT_NEAR(equal.at("Top1Misclass"), 1 - 1.0 / 5, 1e-12);
  EXPECT_NEAR(equal.at("Top3Misclass"), 1 - 3.0 / 5, 1e-12);
  // no place left
  EXPECT_EQ(top3({.0625f, .25f, .25f, .25f, .125f}).at("Top3Misclass"), 1);
}

TEST(TopKMisclassification, NeedsK) {
  EXPECT_THROW(figures("TopKMisclassification", "{}", {1}, {1}, 1), base::Error);
  EXPECT_THROW(figures("TopKMisclassification", R"({"k":0})", {1}, {1}, 1), base::Error);
}

}  // namespace
}  // namespace neon
