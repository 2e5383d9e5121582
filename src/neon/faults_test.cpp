#include "neon/faults.h"

#include <gmock/gmock.h>

#include "neon/spec.h"

namespace neon {
namespace {

using ::testing::HasSubstr;

std::string refusal(std::string_view yaml) {
  try {
    parse_model(yaml, "m.yaml", check_layers);
  } catch (const base::Error& error) {
    return error.message;
  }
  return "accepted";
}

TEST(Faults, AreAllToldAtOnceWithTheirLines) {
  const std::string told = refusal(R"(epochs: 0
batchsize: many
nonsense: 1
layers:
  - {type: Affine, config: {nuot: 5, nout: -3, init: {type: Gaussian, config: {scale: 1.0e+39}}}}
  - {type: Afine, config: {nout: 3}}
cost: CrossEntropyMutli
optimizer: {type: Adam, config: {beta1: 0.9, learning_rate: fast}}
)");
  for (const char* fault : {"epochs must be", "(m.yaml:1)", "batch_size", "(m.yaml:2)", "unknown key 'nonsense'",
                            "(m.yaml:3)", "unknown key 'nuot'", "nout must be positive, got -3", "scale must be",
                            "(m.yaml:5)", "unknown layer 'Afine'", "(m.yaml:6)", "did you mean 'CrossEntropyMulti'",
                            "(m.yaml:7)", "did you mean 'beta_1'", "a number", "(m.yaml:8)"})
    EXPECT_THAT(told, HasSubstr(fault));
  EXPECT_LT(told.find("epochs must be"), told.find("'nuot'"));
  EXPECT_EQ(told.find("is missing"), std::string::npos);
}

TEST(Faults, NamesKnownFromElsewhereAreAnsweredWithOurs) {
  const auto layer = [](std::string_view type) {
    return refusal(fmt::format("layers: [{{type: {}}}]\ncost: SumSquared\noptimizer: {{type: RMSProp}}\n", type));
  };
  EXPECT_THAT(layer("Dense"), HasSubstr("it is called Affine here"));
  EXPECT_THAT(layer("Conv2d"), HasSubstr("write Conv with fshape"));
  EXPECT_THAT(layer("ReLU"), HasSubstr("transform: Rectlin"));
  EXPECT_THAT(layer("Flatten"), HasSubstr("Linear and Affine take inputs of any shape"));
  EXPECT_THAT(layer("BatchNorm2d"), HasSubstr("it is called BatchNorm here"));
  EXPECT_THAT(layer("MaxPool2d"), HasSubstr("write Pooling with fshape: 2"));
  const auto training = [](std::string_view cost, std::string_view optimizer) {
    return refusal(fmt::format("layers: [{{type: BatchNorm}}]\ncost: {}\noptimizer: {{type: {}}}\n", cost, optimizer));
  };
  EXPECT_THAT(training("CrossEntropyLoss", "RMSProp"), HasSubstr("write CrossEntropyMulti, with Softmax"));
  EXPECT_THAT(training("SumSquared", "SGD"), HasSubstr("write GradientDescentMomentum"));
  EXPECT_THAT(training("SumSquared", "RAdam"), HasSubstr("write AdamW"));
}

}  // namespace
}  // namespace neon
