#include "neon/cost.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "neon/costs/cost_sum.h"
#include "neon/shelf_configs_test.h"

namespace neon {
namespace {

std::unique_ptr<Cost> cost(std::string_view type, std::string_view config = "{}") {
  return Shelf<Cost>::instance().make({std::string(type), base::parse_json(config, "test").as_object(), "/cost"});
}

/// Every cost of rows with every combination of its options, for so many columns.
std::vector<Part> all_costs(std::int64_t columns) {
  std::vector<double> weights;
  for (std::int64_t i = 0; i < columns; ++i) weights.push_back(0.5 * static_cast<double>(i % 4));
  auto all = testing::all_configurations<Cost>({{"scale", {"2.5"}},
                                                {"gamma", {"0", "0.5"}},
                                                {"sigma", {"0.7", "2"}},
                                                {"cost_type", {R"("dis_data")", R"("dis_noise")", R"("gen")"}},
                                                {"func", {R"("original")", R"("wasserstein")"}},
                                                {"class_weights", {base::to_text(base::encode(weights))}}});
  std::erase_if(all, [](const Part& part) { return Shelf<Cost>::instance().make(part)->compares_sequences(); });
  return all;
}

std::unique_ptr<Cost> made(const Part& part) { return Shelf<Cost>::instance().make(part); }

std::vector<double> activated(std::string_view activation, std::vector<double> x) {
  if (activation == "Logistic") {
    for (double& v : x) v = 1 / (1 + std::exp(-v));
  } else if (activation == "Softmax") {
    double sum = 0;
    for (double& v : x) sum += v = std::exp(v);
    for (double& v : x) v /= sum;
  }
  return x;
}

/// Rows of outputs as the activation gives them, and targets that suit: a distribution over columns.
struct Data {
  std::vector<float> y, t;
};
Data data(std::string_view activation, std::int64_t rows, std::int64_t columns, bool one_hot) {
  base::Random random(5, static_cast<std::uint64_t>(columns));
  Data d;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<double> x(static_cast<std::size_t>(columns)), t(x.size());
    for (double& v : x) v = random.normal();
    if (one_hot)
      t[random.below(t.size())] = 1;
    else
      for (double& v : t) v = random.normal();
    if (!one_hot) t = activated("Softmax", t);
    x = activated(activation, x);
    d.y.insert(d.y.end(), x.begin(), x.end());
    d.t.insert(d.t.end(), t.begin(), t.end());
  }
  return d;
}

TEST(Cost, ValueEqualsTheReference) {
  for (const std::int64_t columns : {1, 3, 10, 1000})
    for (const Part& part : all_costs(columns))
      for (const bool one_hot : {true, false}) {
        const auto member = made(part);
        const std::int64_t rows = 17;
        const Data d = data(member->shortcut_activation(), rows, columns, one_hot);
        double expected = 0;
        for (std::int64_t row = 0; row < rows; ++row) {
          const auto begin = row * columns;
          const std::vector<double> y(d.y.begin() + begin, d.y.begin() + begin + columns);
          const std::vector<double> t(d.t.begin() + begin, d.t.begin() + begin + columns);
          expected += member->reference_value(y, t) / static_cast<double>(rows);
        }
        EXPECT_NEAR(member->value(d.y, d.t, rows, columns), expected, 3e-6 * (1 + std::abs(expected)))
            << testing::text_of(part) << " with " << columns << " columns";
      }
}

/// The slope of the reference at `x`, each number of which goes through `activation` first.
std::vector<double> slope(const Cost& member, std::string_view activation, const std::vector<double>& x,
                          const std::vector<double>& t) {
  constexpr double kStep = 1e-6;
  std::vector<double> slopes;
  for (std::size_t i = 0; i < x.size(); ++i) {
    auto up = x, down = x;
    up[i] += kStep;
    down[i] -= kStep;
    slopes.push_back((member.reference_value(activated(activation, up), t) -
                      member.reference_value(activated(activation, down), t)) /
                     (2 * kStep));
  }
  return slopes;
}

TEST(Cost, GradientsAreTheSlopeOfTheReferenceThroughItsActivationAndWithoutIt) {
  constexpr std::size_t columns = 7;
  for (const Part& part : all_costs(columns)) {
    SCOPED_TRACE(testing::text_of(part));
    const auto member = made(part);
    base::Random random(11, 0);
    std::vector<double> x(columns), t(columns);
    for (double& v : x) v = random.normal();
    for (double& v : t) v = random.normal();
    t = activated("Softmax", t);
    const std::vector<double> y = activated(member->shortcut_activation(), x);
    const std::vector<float> outputs(y.begin(), y.end()), targets(t.begin(), t.end());
    std::vector<float> dy(columns);
    const auto expect = [&](const std::vector<double>& slopes) {
      for (std::size_t i = 0; i < columns; ++i) {
        const double expected = member->gradient_scale() * slopes[i];
        EXPECT_NEAR(dy[i], expected, 1e-5 * (1 + std::abs(expected))) << "column " << i;
      }
    };
    member->gradient(outputs, targets, dy, 1, columns);
    expect(slope(*member, member->shortcut_activation(), x, t));
    member->true_gradient(outputs, targets, dy, 1, columns);
    expect(slope(*member, "", y, t));
  }
}

/// What rounding makes of outputs: exact zeros and ones, and a little more.
TEST(Cost, GradientsOfCertainOutputsAreNumbers) {
  const std::vector<float> y{1, 0, 1.0000001f, 0}, t{1, 0, 0, 1};
  for (const Part& part : all_costs(2)) {
    std::vector<float> dy(4);
    made(part)->gradient(y, t, dy, 2, 2);
    for (const float d : dy) EXPECT_TRUE(std::isfinite(d)) << testing::text_of(part);
    EXPECT_TRUE(std::isfinite(made(part)->value(y, t, 2, 2))) << testing::text_of(part);
  }
}

TEST(Cost, HandComputedValues) {
  const std::vector<float> y{0.5f, 0.25f, 0.25f, 0.5f}, t{1, 0, 0, 1};
  EXPECT_NEAR(cost("CrossEntropyMulti")->value(y, t, 2, 2), std::log(2.0), 1e-6);
  EXPECT_NEAR(cost("CrossEntropyMulti", R"({"usebits":true})")->value(y, t, 2, 2), 1, 1e-6);
  EXPECT_NEAR(cost("CrossEntropyBinary")->value(y, t, 2, 2), std::log(2.0) - std::log(0.75), 1e-6);
  EXPECT_NEAR(cost("SumSquared")->value(y, t, 2, 2), (0.25 + 0.0625) / 2, 1e-7);
  EXPECT_NEAR(cost("MeanSquared")->value(y, t, 2, 2), (0.25 + 0.0625) / 4, 1e-7);
}

struct Expected {
  double value;
  std::vector<double> gradient;
};

/// Of two rows of three outputs before the activation, classes 2 and 1.
void expect_cost(std::string_view type, std::string_view config, const Expected& expected) {
  SCOPED_TRACE(fmt::format("{} {}", type, config));
  const auto member = cost(type, config);
  std::vector<float> y;
  for (const std::vector<double>& x : {std::vector{0.3, -1.2, 2.0}, std::vector{1.0, 0.5, -0.25}})
    for (const double v : activated(member->shortcut_activation(), x)) y.push_back(static_cast<float>(v));
  const std::vector<float> t{0, 0, 1, 0, 1, 0};
  EXPECT_NEAR(member->value(y, t, 2, 3), expected.value, 1e-6);
  std::vector<float> dy(6);
  member->gradient(y, t, dy, 2, 3);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(dy[i], expected.gradient[i], 1e-6) << i;
}

// Numbers of PyTorch 2 in float64: cross_entropy and smooth_l1_loss; for the focal losses by torchvision's formula.
TEST(Cost, IsThatOfPyTorch) {
  expect_cost("CrossEntropyMulti", "{}",
              {0.6699264237, {0.1493188622, 0.0333175416, -0.1826364038, 0.5282521236, -0.6795988910, 0.1513467674}});
  expect_cost("CrossEntropyMulti", R"({"label_smoothing":0.1})",
              {0.7557597570, {0.1159855289, -0.0000157917, -0.1159697371, 0.4949187903, -0.6129322243, 0.1180134340}});
  expect_cost("CrossEntropyMulti", R"({"class_weights":[0.5,2,1.5]})",
              {1.2894350361, {0.2239782933, 0.0499763124, -0.2739546057, 1.0565042472, -1.3591977819, 0.3026935347}});
  expect_cost("CrossEntropyMulti", R"({"class_weights":[0.5,2,1.5],"label_smoothing":0.2})",
              {1.4810284086, {0.1856676645, -0.0844676056, -0.1012000589, 0.9527372974, -1.1352512632, 0.1825139657}});
  expect_cost("SmoothL1Loss", "{}", {0.950625, {0.3, -1, 1, 1, -0.5, -0.25}});
  expect_cost("SmoothL1Loss", R"({"sigma":2})", {1.75, {1, -1, 1, 1, -1, -1}});
  expect_cost("FocalLossBinary", R"({"alpha":0.25})",
              {0.4242847853, {0.3221298514, 0.0255641953, -0.0012177350, 0.5761760424, -0.0344842493, 0.1560422843}});
  expect_cost("FocalLossBinary", "{}",
              {0.5888387316, {0.4295064686, 0.0340855937, -0.0048709402, 0.7682347232, -0.1379369974, 0.2080563791}});
  expect_cost("FocalLossBinary", R"({"alpha":0.25,"gamma":0.5})",
              {0.8961981916, {0.4298719568, 0.1200312168, -0.0151138167, 0.5820463736, -0.0806591332, 0.2976147695}});
  expect_cost("FocalLossMulti", "{}",
              {0.2662007130, {0.0139713423, 0.0031174279, -0.0170887702, 0.5058117752, -0.6507292752, 0.1449174999}});
  expect_cost("FocalLossMulti", R"({"class_weights":[0.5,2,1.5]})",
              {0.5307196866, {0.0209570135, 0.0046761418, -0.0256331553, 1.0116235505, -1.3014585503, 0.2898349998}});
}

TEST(SquareHingeLoss, CountsWhatIsShortOfTheMargin) {
  const std::vector<float> y{0.5f, 0.5f, 2, -3}, t{1, 0, 1, 0};
  const auto hinge = cost("SquareHingeLoss");
  EXPECT_NEAR(hinge->value(y, t, 2, 2), (0.25 + 2.25) / 4, 1e-7);
  std::vector<float> dy(4);
  hinge->gradient(y, t, dy, 2, 2);
  EXPECT_EQ(dy, (std::vector<float>{-0.5f, 1.5f, 0, 0}));
  EXPECT_NEAR(cost("SquareHingeLoss", R"({"margin":3})")->value(y, t, 2, 2), (6.25 + 12.25 + 1) / 4, 1e-6);
}

TEST(Cost, RefusesClassWeightsThatAreNotOneForEachClass) {
  const std::vector<float> y{0.5f, 0.5f}, t{1, 0};
  std::vector<float> dy(2);
  for (const char* type : {"CrossEntropyMulti", "FocalLossMulti"}) {
    const auto member = cost(type, R"({"class_weights":[1,2,3]})");
    member->check_columns(3);
    EXPECT_THROW(member->check_columns(2), base::Error);
    EXPECT_THROW(member->value(y, t, 1, 2), base::Error);
    EXPECT_THROW(member->gradient(y, t, dy, 1, 2), base::Error);
    EXPECT_THROW(cost(type, R"({"class_weights":[1,-2]})"), base::Error);
  }
  EXPECT_THROW(cost("CrossEntropyMulti", R"({"label_smoothing":1.5})"), base::Error);
}

TEST(Cost, CertainAndWrongCostsFiftyNotInfinity) {
  const std::vector<float> y{0, 1}, t{1, 0};
  EXPECT_NEAR(cost("CrossEntropyMulti")->value(y, t, 1, 2), 50, 1e-4);
  EXPECT_NEAR(cost("CrossEntropyBinary")->value(y, t, 1, 2), 100, 1e-4);
}

TEST(Cost, ShowsThatOutputsAreNotNumbers) {
  const std::vector<float> y(4, std::nanf("")), t{1, 0, 0, 0};
  for (const Part& part : all_costs(4)) {
    if (part.config.contains("class_weights")) continue;  // a class without weight is not looked at
    EXPECT_TRUE(std::isnan(made(part)->value(y, t, 1, 4))) << testing::text_of(part);
  }
}

TEST(Safelog, QuickOneIsCloseOverTheWholeRange) {
  for (double x = 1e-30; x < 1e30; x *= 1.0173) {
    const auto f = static_cast<float>(x);
    EXPECT_NEAR(safelog_quick(f), safelog(f), 3e-7 * std::max(1.0, std::abs(safelog(f)))) << x;
  }
  EXPECT_EQ(safelog_quick(1.0f), 0.0f);
  EXPECT_NEAR(safelog_quick(0.0f), -50, 1e-5);
  EXPECT_NEAR(safelog_quick(-1.0f), -50, 1e-5);
}

TEST(Cost, RefusesUnknownOptions) {
  EXPECT_THROW(cost("SumSquared", R"({"scale":1})"), base::Error);
  EXPECT_THROW(cost("CrossEntropyMult"), base::Error);
}

}  // namespace
}  // namespace neon
