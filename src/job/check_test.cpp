#include "job/check.h"

#include <gtest/gtest.h>

namespace job {
namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

/// What a convolution over images of 224 × 224 with a small classifier needs in batches of 128.
std::int64_t memory_of(std::string_view convolution, std::string_view optimizer = "Adam") {
  return check_model(fmt::format(R"(
batchsize: 128
layers:
  - {{type: Conv, config: {{{}, init: {{type: Kaiming}}, activation: {{type: Rectlin}}}}}}
  - {{type: Pooling, config: {{fshape: 7, strides: 7}}}}
  - {{type: Affine, config: {{nout: 10, init: {{type: GlorotUniform}}, activation: {{type: Softmax}}}}}}
cost: CrossEntropyMulti
optimizer: {}
dataset: {{etl: [{{type: image, height: 224, width: 224}}, {{type: label}}]}}
)",
                                 convolution, optimizer),
                     "model.yaml", 0, 0)
      .memory_bytes;
}

TEST(CheckedModel, KnowsWhatItsTrainingNeeds) {
  // Two batches ahead have 77 MB each. The first convolution's output has 1.6 GB, the second's 99 MB.
  EXPECT_GT(memory_of("fshape: [3, 3, 64], padding: 1"), 1'800'000'000);
  EXPECT_LT(memory_of("fshape: [11, 11, 64], padding: 3, strides: 4"), kGiB / 2);
  EXPECT_GT(memory_of("fshape: [11, 11, 64], padding: 3, strides: 4"), 250'000'000);
  EXPECT_GT(memory_of("fshape: [11, 11, 64], padding: 3, strides: 4"),
            memory_of("fshape: [11, 11, 64], padding: 3, strides: 4",
                      "{type: GradientDescentMomentum, config: {learning_rate: 0.1, momentum_coef: 0.9}}"));
}

std::string refusal(std::string_view cost, std::string_view metric) {
  try {
    check_model(
        fmt::format(
            R"(layers: [{{type: Affine, config: {{nout: 10, init: {{type: GlorotUniform}}, activation: Softmax}}}}]
cost: {}
metric: {}
optimizer: Adam
dataset: {{etl: [{{type: image, height: 8, width: 8}}, {{type: label}}]}}
)",
            cost, metric),
        "model.yaml", 0, 0);
  } catch (const base::Error& error) {
    return error.message;
  }
  return "accepted";
}

TEST(CheckedModel, RefusesWhatDoesNotFitTheOutputs) {
  EXPECT_EQ(refusal("CrossEntropyMulti", "Accuracy"), "accepted");
  EXPECT_EQ(refusal("{type: CrossEntropyMulti, config: {class_weights: [1, 2]}}", "Accuracy"),
            "class_weights has 2 numbers, but the network has 10 outputs; each needs one (model.yaml:2)");
  EXPECT_EQ(refusal("CrossEntropyMulti", "{type: PrecisionRecall, config: {num_classes: 9}}"),
            "num_classes is 9, but the network has 10 outputs; write num_classes: 10 (model.yaml:3)");
}

}  // namespace
}  // namespace job
