#include "job/warnings.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace job {
namespace {

using ::testing::HasSubstr;

CheckedModel model(std::string_view first_layer = "", std::string_view shuffle = "true") {
  return check_model(fmt::format(R"(
layers:
{}  - {{type: Affine, config: {{nout: 3, init: {{type: GlorotUniform}}, activation: {{type: Softmax}}}}}}
cost: CrossEntropyMulti
optimizer: {{type: GradientDescentMomentum, config: {{learning_rate: 0.1, momentum_coef: 0.9}}}}
dataset: {{shuffle_enable: {}, etl: [{{type: image, height: 1, width: 2, channels: 1}}, {{type: label}}]}}
)",
                                 first_layer, shuffle),
                     "model.yaml", 0, 0);
}

tensor::Batch batch_of(std::vector<float>& values) {
  tensor::Batch batch;
  batch.inputs = {{tensor::Dtype::f32, {1, 1, 1, 2}, values.data()}};
  return batch;
}

TEST(Warnings, InputsThatAreNotScaled) {
  std::vector<float> pixels{0, 255}, scaled{-2, 2};
  const neon::Graph plain = model().graph;
  EXPECT_THAT(unscaled_input(batch_of(pixels), plain).value_or(""), HasSubstr("from 0 to 255"));
  EXPECT_FALSE(unscaled_input(batch_of(scaled), plain));
  EXPECT_FALSE(unscaled_input(batch_of(pixels), model("  - {type: BatchNorm}\n").graph));
}

TEST(Warnings, OutputsWithoutAClass) {
  tensor::SourceInfo data;
  EXPECT_FALSE(unused_outputs(model().graph, data));  // nobody knows how many classes there are
  data.labels = {"cat", "dog"};
  EXPECT_THAT(unused_outputs(model().graph, data).value_or(""), HasSubstr("has 3 outputs, but the data has 2 classes"));
  data.labels.push_back("bird");
  EXPECT_FALSE(unused_outputs(model().graph, data));
}

TEST(Warnings, AResumedTrainingThatIsAnother) {
  const CheckedModel before = model();
  neon::Checkpoint checkpoint;
  checkpoint.spec = before.spec;
  checkpoint.preprocessing = preprocessing_of(before.section);
  checkpoint.position.batch = 1;
  EXPECT_TRUE(resume_warnings(before, checkpoint).empty());
  const auto told = resume_warnings(model("  - {type: Dropout}\n"), checkpoint);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0], HasSubstr("the layers of the model file are not those of the checkpoint"));
  EXPECT_THROW(resume_warnings(model("", "false"), checkpoint), base::Error);
  checkpoint.position.batch = 0;
  EXPECT_EQ(resume_warnings(model("", "false"), checkpoint).size(), 1u);
}

TEST(Check, NumbersThatAreNoneInF32AreRefusedWithKeyAndLimit) {
  for (const char* number : {"1e39", "-1e39", "1e-60"}) try {
      check_model(fmt::format(R"(
layers:
  - {{type: Affine, config: {{nout: 3, init: {{type: Gaussian, config: {{scale: 1, loc: {}}}}}}}}}
cost: SumSquared
optimizer: {{type: GradientDescentMomentum, config: {{learning_rate: 0.1, momentum_coef: 0.9}}}}
dataset: {{etl: [{{type: image, height: 1, width: 2, channels: 1}}, {{type: label}}]}}
)",
                              number),
                  "model.yaml", 0, 0);
      FAIL() << number;
    } catch (const base::Error& error) {
      EXPECT_THAT(error.message, HasSubstr("loc must be"));
      EXPECT_THAT(error.message, HasSubstr("3.4e+38"));
      EXPECT_THAT(error.message, HasSubstr("model.yaml:3"));
    }
}

}  // namespace
}  // namespace job
