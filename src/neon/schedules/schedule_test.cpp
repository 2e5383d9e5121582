#include "neon/schedule.h"

#include <gtest/gtest.h>

#include "neon/shelf_configs_test.h"

namespace neon {
namespace {

std::vector<double> rates_of(std::string_view type, std::string_view config, std::initializer_list<std::int64_t> epochs,
                             double base_rate = 1) {
  const auto schedule = Shelf<LearningRateSchedule>::instance().make(
      {std::string(type), base::parse_json(config, "test").as_object(), "/schedule"});
  std::vector<double> result;
  for (const std::int64_t epoch : epochs) result.push_back(schedule->learning_rate(base_rate, epoch));
  return result;
}

std::vector<double> rates(std::string_view config, std::initializer_list<std::int64_t> epochs, double base_rate = 1) {
  return rates_of("Schedule", config, epochs, base_rate);
}

using Rates = std::vector<double>;

void expect_rates(const Rates& came, const Rates& expected) {
  ASSERT_EQ(came.size(), expected.size());
  for (std::size_t i = 0; i < came.size(); ++i) EXPECT_NEAR(came[i], expected[i], 1e-15) << "the " << i << "th";
}

const testing::Samples kSamples{
    {"step_config", {"2", "[2, 4]"}},
    {"change", {"0.5", "[0.5, 0.25]"}},
    {"total_epochs", {"5", "100"}},
    {"warmup_epochs", {"0", "3"}},
    {"schedule", {R"({"type":"ExpSchedule","config":{"decay":1}})"}},
};

TEST(Schedule, IsConstantByDefault) { EXPECT_EQ(rates("{}", {0, 1, 100}, 0.1), (Rates{0.1, 0.1, 0.1})); }

TEST(Schedule, MultipliesAtEachListedEpoch) {
  EXPECT_EQ(rates(R"({"step_config":[2,4],"change":0.5})", {0, 1, 2, 3, 4, 9}), (Rates{1, 1, 0.5, 0.5, 0.25, 0.25}));
}

TEST(Schedule, MultipliesEverySoManyEpochs) {
  EXPECT_EQ(rates(R"({"step_config":3,"change":0.5})", {0, 2, 3, 5, 6}), (Rates{1, 1, 0.5, 0.5, 0.25}));
}

TEST(Schedule, TakesListedRatesAndKnowsThemInAnyOrderOfQuestions) {
  EXPECT_EQ(rates(R"({"step_config":[2,4],"change":[0.3,0.7]})", {4, 0, 3, 100, 2}), (Rates{0.7, 1, 0.3, 0.7, 0.3}));
}

TEST(Schedule, RefusesWhatDoesNotFit) {
  EXPECT_THROW(rates(R"({"step_config":[2,4],"change":[0.3]})", {0}), base::Error);
  EXPECT_THROW(rates(R"({"step_config":2,"change":[0.3]})", {0}), base::Error);
  EXPECT_THROW(rates(R"({"step_config":0,"change":0.3})", {0}), base::Error);
  EXPECT_THROW(rates(R"({"step_config":"2"})", {0}), base::Error);
  EXPECT_THROW(rates(R"({"step_config":[1.5],"change":0.1})", {0}), base::Error);
  EXPECT_THROW(rates(R"({"steps":2})", {0}), base::Error);
}

TEST(StepSchedule, TakesListedRatesAndKnowsThemInAnyOrderOfQuestions) {
  const auto* config = R"({"step_config":[4,2],"change":[0.7,0.3]})";
  EXPECT_EQ(rates_of("StepSchedule", config, {4, 0, 3, 100, 2}), (Rates{0.7, 1, 0.3, 0.7, 0.3}));
  EXPECT_THROW(rates_of("StepSchedule", R"({"step_config":[2,4],"change":[0.3]})", {0}), base::Error);
  EXPECT_THROW(rates_of("StepSchedule", R"({"step_config":[2,4]})", {0}), base::Error);
}

TEST(PowerSchedule, MultipliesEverySoManyEpochs) {
  EXPECT_EQ(rates_of("PowerSchedule", R"({"step_config":3,"change":0.5})", {0, 2, 3, 5, 6}, 2),
            (Rates{2, 2, 1, 1, 0.5}));
  EXPECT_THROW(rates_of("PowerSchedule", R"({"step_config":0,"change":0.5})", {0}), base::Error);
}

TEST(ExpSchedule, FallsAsOneOverTheEpochs) {
  EXPECT_EQ(rates_of("ExpSchedule", R"({"decay":0.5})", {0, 2, 6}, 2), (Rates{2, 1, 0.5}));
}

TEST(PolySchedule, FallsInEveryEpochAndEndsAtZero) {
  const auto* config = R"({"total_epochs":4,"power":2})";
  EXPECT_EQ(rates_of("PolySchedule", config, {0, 1, 2, 3, 4, 5}, 16), (Rates{16, 9, 4, 1, 0, 0}));
}

TEST(ShiftSchedule, HalvesEverySoManyEpochs) {
  EXPECT_EQ(rates_of("ShiftSchedule", R"({"interval":2})", {0, 1, 2, 4}), (Rates{1, 1, 0.5, 0.25}));
  EXPECT_EQ(rates_of("ShiftSchedule", R"({"interval":2,"shift_size":3})", {0, 1, 2}), (Rates{1, 1, 0.125}));
}

TEST(CosineSchedule, RisesThenFallsAsACosine) {
  const double h = std::sqrt(0.5);
  expect_rates(rates_of("CosineSchedule", R"({"total_epochs":4})", {0, 1, 2, 3, 4, 9}, 2), {2, 1 + h, 1, 1 - h, 0, 0});
  expect_rates(rates_of("CosineSchedule", R"({"total_epochs":7,"warmup_epochs":3,"final_share":0.5})",
                        {0, 1, 2, 3, 4, 5, 6, 7, 8}, 8),
               {2, 4, 6, 8, 6 + 2 * std::cos(std::acos(-1) / 4), 6, 6 - 2 * std::cos(std::acos(-1) / 4), 4, 4});
  EXPECT_THROW(rates_of("CosineSchedule", R"({"total_epochs":3,"warmup_epochs":3})", {0}), base::Error);
}

TEST(Warmup, RaisesTheRateOfTheOtherSchedule) {
  expect_rates(rates_of("Warmup", R"({"warmup_epochs":3})", {0, 1, 2, 3, 4}, 8), {2, 4, 6, 8, 8});
  expect_rates(rates_of("Warmup", R"({"warmup_epochs":1,"schedule":{"type":"ExpSchedule","config":{"decay":1}}})",
                        {0, 1, 2, 3}, 12),
               {6, 6, 4, 3});
}

/// Of every member: the rate is a function of the epoch alone, proportional to the base rate or listed, never negative.
TEST(LearningRateSchedule, EveryMemberGivesRatesOfAnyEpochInAnyOrder) {
  for (const Part& part : testing::all_configurations<LearningRateSchedule>(kSamples)) {
    SCOPED_TRACE(testing::text_of(part));
    const auto schedule = Shelf<LearningRateSchedule>::instance().make(part);
    Rates forward, backward;
    for (std::int64_t epoch = 0; epoch < 20; ++epoch) forward.push_back(schedule->learning_rate(0.3, epoch));
    for (std::int64_t epoch = 20; epoch-- > 0;) backward.push_back(schedule->learning_rate(0.3, epoch));
    EXPECT_EQ(forward, Rates(backward.rbegin(), backward.rend()));
    for (const std::int64_t epoch : {0, 5, 1'000'000}) {
      EXPECT_TRUE(std::isfinite(schedule->learning_rate(0.3, epoch)));
      EXPECT_GE(schedule->learning_rate(0.3, epoch), 0);
    }
  }
}

}  // namespace
}  // namespace neon
