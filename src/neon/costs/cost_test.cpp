#include "neon/cost.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "neon/costs/cost_sum.h"
#include "neon/shelf.h"

namespace neon {
namespace {

std::unique_ptr<Cost> cost(std::string_view type, std::string_view config = "{}") {
  return Shelf<Cost>::instance().make({std::string(type), base::parse_json(config, "test").as_object(), "/cost"});
}

struct Case {
  const char* type;
  const char* config;
  double gradient_scale;
};
const std::vector<Case> kCases{
    {"CrossEntropyBinary", "{}", 1}, {"CrossEntropyBinary", R"({"scale":2.5})", 2.5},
    {"CrossEntropyMulti", "{}", 1},  {"CrossEntropyMulti", R"({"usebits":true,"scale":0.5})", 0.5},
    {"SumSquared", "{}", 1},         {"MeanSquared", "{}", 1}};

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
  for (const Case& c : kCases)
    for (const std::int64_t columns : {1, 3, 10, 1000})
      for (const bool one_hot : {true, false}) {
        const auto member = cost(c.type, c.config);
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
            << c.type << c.config << " with " << columns << " columns";
      }
}

TEST(Cost, GradientIsTheSlopeOfTheReferenceThroughItsActivation) {
  for (const Case& c : kCases) {
    const auto member = cost(c.type, c.config);
    constexpr std::size_t columns = 7;
    base::Random random(11, 0);
    std::vector<double> x(columns), t(columns);
    for (double& v : x) v = random.normal();
    for (double& v : t) v = random.normal();
    t = activated("Softmax", t);
    const auto value_at = [&](std::vector<double> at) {
      return member->reference_value(activated(member->shortcut_activation(), std::move(at)), t);
    };
    const std::vector<double> y = activated(member->shortcut_activation(), x);
    std::vector<float> dy(columns);
    member->gradient(std::vector<float>(y.begin(), y.end()), std::vector<float>(t.begin(), t.end()), dy, 1, columns);
    for (std::size_t i = 0; i < columns; ++i) {
      auto up = x, down = x;
      up[i] += 1e-5;
      down[i] -= 1e-5;
      EXPECT_NEAR(dy[i], c.gradient_scale * (value_at(up) - value_at(down)) / 2e-5, 1e-5) << c.type << c.config;
    }
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

TEST(Cost, CertainAndWrongCostsFiftyNotInfinity) {
  const std::vector<float> y{0, 1}, t{1, 0};
  EXPECT_NEAR(cost("CrossEntropyMulti")->value(y, t, 1, 2), 50, 1e-4);
  EXPECT_NEAR(cost("CrossEntropyBinary")->value(y, t, 1, 2), 100, 1e-4);
}

TEST(Cost, ShowsThatOutputsAreNotNumbers) {
  const std::vector<float> y(4, std::nanf("")), t{1, 0, 0, 0};
  for (const Case& c : kCases) EXPECT_TRUE(std::isnan(cost(c.type, c.config)->value(y, t, 1, 4))) << c.type;
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
