#include "neon/metric.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "neon/metrics/edit_distance.h"
#include "neon/shelf_configs_test.h"

namespace neon {
namespace {

using Figures = std::map<std::string, double>;

Figures figures(std::string_view type, std::string_view config, const std::vector<float>& y,
                const std::vector<float>& t, std::int64_t rows) {
  const auto metric =
      Shelf<Metric>::instance().make({std::string(type), base::parse_json(config, "test").as_object(), "/metric"});
  const auto names = metric->names();
  std::vector<double> sums(metric->sum_count()), values(names.size());
  metric->add(y, t, rows, static_cast<std::int64_t>(y.size()) / rows, sums);
  metric->finish(sums, rows, values);
  Figures result;
  for (std::size_t i = 0; i < names.size(); ++i) result[names[i]] = values[i];
  return result;
}

TEST(Misclassification, TheFirstOfEqualOutputsCounts) {
  const std::vector<float> y{.2f, .5f, .3f, /**/ .4f, .4f, .2f, /**/ .4f, .4f, .2f},
      t{0, 1, 0, /**/ 1, 0, 0, /**/ 0, 1, 0};
  EXPECT_EQ(figures("Misclassification", "{}", y, t, 3), (Figures{{"Top1Misclass", 1.0 / 3}}));
  EXPECT_EQ(figures("Accuracy", "{}", y, t, 3), (Figures{{"Accuracy", 2.0 / 3}}));
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

/// One-hot rows.
std::vector<float> rows_of(const std::vector<int>& classes, std::size_t columns) {
  std::vector<float> rows(classes.size() * columns);
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (classes[i] >= 0) rows[i * columns + static_cast<std::size_t>(classes[i])] = 1;
  return rows;
}

Figures spelling_errors(const std::vector<std::pair<std::vector<int>, std::vector<int>>>& examples,
                        std::string_view config) {
  const auto metric =
      Shelf<Metric>::instance().make({"LabelErrorRate", base::parse_json(config, "test").as_object(), "/metric"});
  const auto names = metric->names();
  std::vector<double> sums(metric->sum_count()), values(names.size());
  for (const auto& [told, target] : examples)
    metric->add(rows_of(told, 5), rows_of(target, 5), static_cast<std::int64_t>(told.size()), 5, sums);
  metric->finish(sums, static_cast<std::int64_t>(examples.size()), values);
  Figures result;
  for (std::size_t i = 0; i < names.size(); ++i) result[names[i]] = values[i];
  return result;
}

TEST(LabelErrorRate, MergesWhatRepeatsAndLeavesBlanksOut) {
  // 0 is blank; the rest of a target is blanks or no class at all.
  EXPECT_EQ(spelling_errors({{{1, 1, 0, 1, 2, 2}, {1, 1, 2, 0, 0, 0}}}, "{}").at("LabelErrorRate"), 0);
  EXPECT_EQ(spelling_errors({{{1, 1, 0, 1, 2, 2}, {1, 1, 2, -1}}}, "{}").at("LabelErrorRate"), 0);
  EXPECT_EQ(spelling_errors({{{1, 1, 1, 2}, {1, 1, 2, 0}}}, "{}").at("LabelErrorRate"), 1.0 / 3);
  EXPECT_EQ(spelling_errors({{{4, 1, 1, 4}, {1, 3, 4, 4}}}, R"({"blank": 4})").at("LabelErrorRate"), 0.5);
  // Of all examples together: 1 of 3, and 2 of 1.
  EXPECT_EQ(spelling_errors({{{1, 1, 1, 2}, {1, 1, 2}}, {{3, 4}, {1}}}, "{}").at("LabelErrorRate"), 3.0 / 4);
  EXPECT_EQ(spelling_errors({{{0, 0}, {0, 0}}}, "{}").at("LabelErrorRate"), 0);
  EXPECT_EQ(spelling_errors({{{1, 0}, {0, 0}}}, "{}").at("LabelErrorRate"), 1);
}

TEST(LabelErrorRate, CountsWordsBetweenSpaces) {
  // 3 is the space: "12 4 1" for "12 44 1".
  const Figures came = spelling_errors({{{1, 2, 3, 4, 3, 1}, {1, 2, 3, 4, 4, 3, 1}}}, R"({"space": 3})");
  EXPECT_EQ(came.at("LabelErrorRate"), 1.0 / 7);
  EXPECT_EQ(came.at("WordErrorRate"), 1.0 / 3);
  EXPECT_EQ(spelling_errors({{{3, 1, 3}, {1, 3, 3, 2}}}, R"({"space": 3})").at("WordErrorRate"), 0.5);
  EXPECT_THROW(spelling_errors({}, R"({"space": 0})"), base::Error);
  EXPECT_THROW(spelling_errors({{{1}, {1}}}, R"({"space": 5})"), base::Error);
}

/// By trying everything.
std::int64_t fewest_edits(std::span<const int> a, std::span<const int> b) {
  if (a.empty() || b.empty()) return static_cast<std::int64_t>(a.size() + b.size());
  const std::int64_t replaced = fewest_edits(a.subspan(1), b.subspan(1)) + (a[0] == b[0] ? 0 : 1);
  return std::min({replaced, fewest_edits(a.subspan(1), b) + 1, fewest_edits(a, b.subspan(1)) + 1});
}

TEST(LabelErrorRate, EditsAreTheFewestThereAre) {
  base::Random random(5, 0);
  const auto list = [&] {
    std::vector<int> list(random.below(6));
    for (int& element : list) element = static_cast<int>(random.below(3));
    return list;
  };
  for (int i = 0; i < 300; ++i) {
    const std::vector<int> a = list(), b = list();
    EXPECT_EQ(edit_distance(a, b), fewest_edits(a, b));
  }
}

TEST(TopKMisclassification, NeedsK) {
  EXPECT_THROW(figures("TopKMisclassification", "{}", {1}, {1}, 1), base::Error);
  EXPECT_THROW(figures("TopKMisclassification", R"({"k":0})", {1}, {1}, 1), base::Error);
}

TEST(Misclassification, TakesTheStepsOfNeonsFiles) {
  EXPECT_EQ(figures("Misclassification", R"({"steps":7})", {1, 0}, {1, 0}, 1).at("Top1Misclass"), 0);
}

TEST(LogLoss, IsTheLogarithmOfWhatTheTargetGot) {
  const Figures came = figures("LogLoss", "{}", {.5f, .5f, .25f, .75f}, {1, 0, 1, 0}, 2);
  EXPECT_NEAR(came.at("LogLoss"), 1.5 * std::log(2), 1e-7);
  EXPECT_NEAR(figures("LogLoss", "{}", {0, 1}, {1, 0}, 1).at("LogLoss"), 50, 1e-9);
  EXPECT_TRUE(std::isnan(figures("LogLoss", "{}", {std::nanf(""), 1}, {1, 0}, 1).at("LogLoss")));
}

TEST(PrecisionRecall, CountsByClassOverAllRows) {
  // answers 0 0 1 1 1, targets 0 1 1 1 2: right 1, 2, 0 of 2, 3, 0 answers and of 1, 3, 1 targets
  const std::vector<float> y{.6f, .4f, 0, /**/ .5f, .5f, 0, /**/ .1f, .8f, .1f, /**/ 0, 1, 0, /**/ 0, .7f, .3f};
  const std::vector<float> t{1, 0, 0, /**/ 0, 1, 0, /**/ 0, 1, 0, /**/ 0, 1, 0, /**/ 0, 0, 1};
  const Figures binary = figures("PrecisionRecall", R"({"num_classes":3,"binarize":true})", y, t, 5);
  EXPECT_NEAR(binary.at("Precision"), (1.0 / 2 + 2.0 / 3) / 3, 1e-6);
  EXPECT_NEAR(binary.at("Recall"), (1.0 + 2.0 / 3) / 3, 1e-6);
  // as they are: the sums of the outputs are 1.2, 3.4, .4, of those at targets .6, 2.3, .3
  const Figures soft = figures("PrecisionRecall", R"({"num_classes":3})", y, t, 5);
  EXPECT_NEAR(soft.at("Precision"), (.6 / 1.2 + 2.3 / 3.4 + .3 / .4) / 3, 1e-6);
  EXPECT_NEAR(soft.at("Recall"), (.6 + 2.3 / 3 + .3) / 3, 1e-6);
  const std::vector<float> lost(3, std::nanf(""));
  EXPECT_EQ(figures("PrecisionRecall", R"({"num_classes":3,"binarize":true})", lost, {1, 0, 0}, 1),
            (Figures{{"Precision", 0}, {"Recall", 0}}));
  EXPECT_THROW(figures("PrecisionRecall", "{}", {1}, {1}, 1), base::Error);
  EXPECT_THROW(figures("PrecisionRecall", R"({"num_classes":4})", {1, 0}, {1, 0}, 1), base::Error);
}

TEST(RegressionErrors, AreMeansOverRowsAndOutputs) {
  const std::vector<float> y{1, 2, 3, 4}, t{1, 4, 0, 3};  // off by 0, -2, 3, 1
  EXPECT_NEAR(figures("MeanAbsoluteError", "{}", y, t, 2).at("MeanAbsoluteError"), 1.5, 1e-12);
  EXPECT_NEAR(figures("RootMeanSquaredError", "{}", y, t, 2).at("RootMeanSquaredError"), std::sqrt(3.5), 1e-12);
}

TEST(Metric, EveryMemberGivesTheSameFiguresOfOneBatchAndOfMany) {
  constexpr std::int64_t kRows = 23, kColumns = 4;
  base::Random random(3, 1);
  std::vector<float> y(kRows * kColumns), t(y.size());
  for (float& value : y) value = static_cast<float>(random.uniform());
  for (std::size_t row = 0; row < kRows; ++row) t[row * kColumns + random.below(kColumns)] = 1;
  for (const Part& part : testing::all_configurations<Metric>({{"num_classes", {"4"}}, {"k", {"1", "3"}}})) {
    SCOPED_TRACE(testing::text_of(part));
    const auto metric = Shelf<Metric>::instance().make(part);
    if (metric->compares_sequences()) continue;  // a row alone is another sequence
    const auto of_batches = [&](std::int64_t batch) {
      std::vector<double> sums(metric->sum_count()), values(metric->names().size());
      for (std::int64_t row = 0; row < kRows; row += batch) {
        const std::int64_t rows = std::min(batch, kRows - row);
        const auto begin = static_cast<std::size_t>(row * kColumns), count = static_cast<std::size_t>(rows * kColumns);
        metric->add(std::span(y).subspan(begin, count), std::span(t).subspan(begin, count), rows, kColumns, sums);
      }
      metric->finish(sums, kRows, values);
      return values;
    };
    const auto whole = of_batches(kRows), split = of_batches(5);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_TRUE(std::isfinite(whole[i]));
      EXPECT_NEAR(whole[i], split[i], 1e-12) << metric->names()[i];
    }
  }
}

}  // namespace
}  // namespace neon
