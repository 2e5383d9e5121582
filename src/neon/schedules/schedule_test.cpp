#include "neon/schedule.h"

#include <gtest/gtest.h>

#include "neon/shelf.h"

namespace neon {
namespace {

std::vector<double> rates(std::string_view config, std::initializer_list<std::int64_t> epochs, double base_rate = 1) {
  const auto schedule = Shelf<LearningRateSchedule>::instance().make(
      {"Schedule", base::parse_json(config, "test").as_object(), "/schedule"});
  std::vector<double> result;
  for (const std::int64_t epoch : epochs) result.push_back(schedule->learning_rate(base_rate, epoch));
  return result;
}

using Rates = std::vector<double>;

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

}  // namespace
}  // namespace neon
