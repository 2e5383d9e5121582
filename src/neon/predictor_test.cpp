// What a model's outputs are told as: classes or numbers, of one output or several, and texts.
#include "neon/predictor.h"

#include <gmock/gmock.h>

#include <array>

namespace neon {
namespace {

using ::testing::ElementsAre;

constexpr std::int64_t kClasses = 3, kSteps = 5;

/// Passes what comes in on twice: as the probabilities of classes at each step, and as it is.
constexpr std::string_view kModel = R"(
layers:
  - type: Tree
    config:
      layers:
        - [{type: BranchNode, config: {name: in}}, {type: Activation, config: {transform: {type: Softmax}}}]
        - [{type: BranchNode, config: {name: in}}, {type: Activation, config: {transform: {type: Rectlin}}}]
cost: {type: Multicost, config: {costs: [CTC, SumSquared]}}
optimizer: {type: Adam}
)";

Checkpoint checkpoint_with(std::vector<std::string> labels) {
  Checkpoint checkpoint;
  checkpoint.spec = parse_model(kModel, "test.yaml");
  checkpoint.inputs = {{"x", {kClasses, kSteps}}};
  checkpoint.labels = std::move(labels);
  return checkpoint;
}

/// Two samples; the largest class of each step of the second is 1, 1, 0, 1, 2.
std::vector<float> samples() {
  std::vector<float> all(2 * kClasses * kSteps, 1.0f);
  constexpr std::array<std::size_t, kSteps> kLargest{1, 1, 0, 1, 2};
  for (std::size_t step = 0; step < kSteps; ++step) all[(kClasses + kLargest[step]) * kSteps + step] = 4;
  return all;
}

std::vector<Answer> answers_with(std::vector<std::string> labels, std::int64_t k) {
  Predictor predictor(checkpoint_with(std::move(labels)), {.max_batch = 2, .threads = 1, .ranked = {true, false}});
  const std::vector<float> x = samples();
  const auto* input = reinterpret_cast<const std::byte*>(x.data());
  predictor.predict(std::span(&input, 1), 2);
  return predictor.answers(1, k);
}

TEST(Predictor, TellsClassesByTheirSizeAndNumbersInTheirOrder) {
  const auto answers = answers_with({"_", "a", "b"}, 0);
  ASSERT_EQ(answers.size(), 2u);
  ASSERT_EQ(answers[0].steps.size(), static_cast<std::size_t>(kSteps));
  EXPECT_EQ(answers[0].steps[4].size(), static_cast<std::size_t>(kClasses));
  EXPECT_EQ(answers[0].steps[4][0].index, 2);
  EXPECT_EQ(answers[0].steps[4][0].label, "b");
  EXPECT_NEAR(answers[0].steps[4][0].probability, 0.9094, 1e-4);
  std::vector<double> numbers;
  for (const ClassProbability& each : answers[1].steps[4]) {
    EXPECT_EQ(each.label, "");
    numbers.push_back(each.probability);
  }
  EXPECT_THAT(numbers, ElementsAre(1, 1, 4));
  EXPECT_EQ(answers_with({}, 1)[1].steps[4].size(), 1u);
}

TEST(Predictor, SpellsWhatACtcModelReads) {
  EXPECT_EQ(answers_with({"_", "a", "é"}, 1)[0].text, "aaé");
  EXPECT_EQ(answers_with({"-", "one", "two"}, 1)[0].text, "one one two");
  EXPECT_EQ(answers_with({}, 1)[0].text, "1 1 2");
  EXPECT_EQ(answers_with({}, 1)[1].text, "");
}

}  // namespace
}  // namespace neon
