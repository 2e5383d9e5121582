#include "neon/start.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "neon/testing/small_training.h"

namespace neon {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Two dense layers, as a model file names them.
ModelSpec two_layers(int hidden, int classes, std::string_view first = "body", std::string_view last = "head") {
  ModelSpec spec = spec_with(kMomentum);
  const auto affine = [](std::string_view name, int nout, std::string_view activation) {
    return part(fmt::format(
        R"({{"type": "Affine", "config": {{"name": "{}", "nout": {}, "init": "GlorotUniform", "bias": "Uniform", "activation": "{}"}}}})",
        name, nout, activation));
  };
  spec.layers = {affine(first, hidden, "Tanh"), affine(last, classes, "Softmax")};
  for (std::size_t i = 0; i < spec.layers.size(); ++i) spec.layers[i].where = fmt::format("/layers/{}", i);
  return spec;
}

Checkpoint checkpoint_of(const ModelSpec& spec) {
  Checkpoint checkpoint;
  checkpoint.spec = spec;
  checkpoint.inputs = {{"", {2, 6, 6}}};
  checkpoint.parameters = plan_for(spec, 16, 99)->export_parameters();
  return checkpoint;
}

std::string refusal(const ModelSpec& spec, const Checkpoint& from, const std::vector<std::string>& new_layers = {}) {
  try {
    take_weights(build_graph(spec, {2, 6, 6}), from, new_layers);
  } catch (const base::Error& error) {
    return error.message;
  }
  return "none";
}

TEST(StartFrom, TakesEqualNamesAndTellsTheOthers) {
  const Checkpoint from = checkpoint_of(two_layers(12, 9, "body", "old_head"));
  const ModelSpec spec = two_layers(12, 4);
  const TakenWeights taken = take_weights(build_graph(spec, {2, 6, 6}), from, {});
  EXPECT_THAT(taken.fresh, ElementsAre("head/W", "head_bias/W"));
  EXPECT_THAT(taken.left, ElementsAre("old_head/W", "old_head_bias/W"));
  EXPECT_THAT(taken.lines(), ElementsAre("starts with 2 parameters of the other model",
                                         "begin anew, not being in the other model: head/W, head_bias/W",
                                         "left behind, not being in this model: old_head/W, old_head_bias/W"));

  const auto plan = plan_for(spec, 16), untouched = plan_for(spec, 16);
  plan->import_some_parameters(taken.parameters);
  const auto now = plan->export_parameters(), before = untouched->export_parameters();
  EXPECT_EQ(now[0].values, from.parameters[0].values);
  EXPECT_EQ(now[1].values, from.parameters[1].values);
  EXPECT_EQ(now[2].values, before[2].values);
  EXPECT_EQ(now[3].values, before[3].values);
}

TEST(StartFrom, RefusesOtherShapesUnlessTheLayerIsNew) {
  const Checkpoint from = checkpoint_of(two_layers(12, 9));
  EXPECT_THAT(refusal(two_layers(12, 4), from),
              AllOf(HasSubstr("head/W is (4, 12) here and (9, 12) there"), HasSubstr("head_bias/W is (4, 1) here"),
                    HasSubstr("new_layers")));
  const std::vector<std::string> head{"head"};
  const TakenWeights taken = take_weights(build_graph(two_layers(12, 4), {2, 6, 6}), from, head);
  EXPECT_THAT(taken.fresh, ElementsAre("head/W", "head_bias/W"));  // a compound's layers are new together
  EXPECT_THAT(taken.left, ElementsAre());
  EXPECT_THAT(refusal(two_layers(12, 4), from, {"heed"}), HasSubstr("unknown layer 'heed'; did you mean 'head'"));
  EXPECT_THAT(refusal(two_layers(12, 4, "a", "b"), from), HasSubstr("no parameter that this model has"));
}

TEST(StartFrom, TakesTheAverageWhereTheOtherModelIsEvaluatedByIt) {
  Checkpoint from = checkpoint_of(two_layers(12, 4));
  from.averages = from.parameters;
  for (float& value : from.averages[0].values) value += 1;
  from.spec.weight_average = WeightAverage{};
  const TakenWeights taken = take_weights(build_graph(two_layers(12, 4), {2, 6, 6}), from, {});
  EXPECT_EQ(taken.parameters[0].values, from.averages[0].values);
}

TEST(StartFrom, CanBeCheckedFromTheHeaderOfAFileAlone) {
  const base::TemporaryFolder folder;
  Checkpoint checkpoint = checkpoint_of(two_layers(12, 9));
  checkpoint.spec.metric = part(R"("Accuracy")");
  write_checkpoint(checkpoint, folder.path() / "model");
  const std::string file = base::read_file(folder.path() / "model");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof(length));
  const std::string header = file.substr(sizeof(length), length);
  Checkpoint shapes;
  shapes.parameters = parameters_in_header(header);
  ASSERT_EQ(shapes.parameters.size(), 4u);
  EXPECT_EQ(shapes.parameters[0].name, "body/W");
  EXPECT_EQ(refusal(two_layers(12, 4), shapes), refusal(two_layers(12, 4), checkpoint));
  EXPECT_THROW(parameters_in_header(header.substr(1)), base::Error);
  EXPECT_THROW(parameters_in_header(R"({"parameters/fc/W": {"dtype": "F32"}})"), base::Error);
}

TEST(StartFrom, BelongsToTheDescription) {
  const auto read = [](std::string_view more) {
    return parse_model(fmt::format("layers: [{{type: Linear, config: {{nout: 2, init: Gaussian}}}}]\ncost: SumSquared\n"
                                   "optimizer: Adam\n{}",
                                   more),
                       "m.yaml");
  };
  const ModelSpec spec = read(
      "start_from: base.safetensors\nnew_layers: [head]\nbatches_per_update: 4\n"
      "weight_average: {decay: 0.99}\n");
  const ModelSpec again = ModelSpec::from_json(spec.to_json());
  EXPECT_EQ(again.start_from, "base.safetensors");
  EXPECT_THAT(again.new_layers, ElementsAre("head"));
  EXPECT_EQ(again.batches_per_update, 4);
  EXPECT_EQ(again.weight_average->decay, 0.99);
  EXPECT_TRUE(again.weight_average->evaluate);
  EXPECT_THROW(read("new_layers: [head]\n"), base::Error);
  EXPECT_THROW(read("weight_average: {decay: 1}\n"), base::Error);
  EXPECT_THROW(read("batches_per_update: 0\n"), base::Error);
}

}  // namespace
}  // namespace neon
