// What is frozen stays as it is, and computes as in prediction.
#include <gtest/gtest.h>

#include <cmath>

#include "neon/testing/small_training.h"

namespace neon {
namespace {

using namespace testing;

/// A layer that learns, a frozen normalisation, and another that learns.
ModelSpec with_frozen(std::string_view layer) {
  ModelSpec spec = spec_with(
      R"({"type": "MultiOptimizer", "config": {"optimizer_mapping": {
          "default": {"type": "GradientDescentMomentum", "config": {"learning_rate": 0.0001, "momentum_coef": 0}},
          "norm": "Frozen"}}})");
  spec.layers = {
      part(R"({"type": "Convolution", "config": {"fshape": [3, 3, 5], "init": "GlorotUniform"}})"), part(layer),
      part(R"({"type": "Affine", "config": {"nout": 4, "init": "GlorotUniform", "activation": "Softmax"}})")};
  return spec;
}

class FrozenNormalisation : public ::testing::TestWithParam<std::string> {};

TEST_P(FrozenNormalisation, KeepsItsStatisticsAndPassesErrorsAsInPrediction) {
  const ModelSpec spec = with_frozen(GetParam());
  const auto plan = plan_for(spec, 16), moved = plan_for(spec, 16);
  auto parameters = plan->export_parameters();
  for (NamedTensor& tensor : parameters) {
    if (!tensor.name.starts_with("norm/")) continue;
    for (std::size_t i = 0; i < tensor.values.size(); ++i)
      tensor.values[i] =
          tensor.name.ends_with("gvar") ? 0.5f + 0.3f * static_cast<float>(i) : 0.4f + 0.1f * static_cast<float>(i);
  }
  plan->import_parameters(parameters);
  Records data(16, 16);
  data.seek(0, 0);
  const tensor::Batch& batch = *data.next();
  const double predicted = plan->compare(batch).cost;
  EXPECT_NEAR(plan->train_step(batch, {}), predicted, 1e-6);
  const auto after = plan->export_parameters();
  for (std::size_t t = 0; t < after.size(); ++t) {
    if (!after[t].name.starts_with("norm/")) continue;
    EXPECT_TRUE(same_bits({after[t]}, {parameters[t]})) << after[t].name;
  }

  // The gradient that the first layer got is the slope of the cost in prediction.
  const auto gradients = plan->export_gradients();
  ASSERT_EQ(gradients[0].name, "Convolution_0/W");
  for (std::size_t i = 0; i < gradients[0].values.size(); i += 11) {
    const auto cost_at = [&](float step) {
      auto changed = parameters;
      changed[0].values[i] += step;
      moved->import_parameters(changed);
      return moved->compare(batch).cost;
    };
    constexpr float kStep = 1e-2f;
    EXPECT_NEAR(gradients[0].values[i] / 16, (cost_at(kStep) - cost_at(-kStep)) / (2 * kStep), 2e-3) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, FrozenNormalisation,
                         ::testing::Values(R"({"type": "BatchNorm", "config": {"name": "norm"}})",
                                           R"({"type": "ShiftBatchNorm", "config": {"name": "norm"}})"));

TEST(Frozen, AJoinedRectifierPassesErrorsToo) {
  ModelSpec spec = with_frozen(R"({"type": "BatchNorm", "config": {"name": "norm"}})");
  spec.layers.insert(spec.layers.begin() + 2, part(R"({"type": "Activation", "config": {"transform": "Rectlin"}})"));
  const auto plan = plan_for(spec, 16);
  Records data(16, 16);
  data.seek(0, 0);
  const tensor::Batch& batch = *data.next();
  const double predicted = plan->compare(batch).cost;
  EXPECT_NEAR(plan->train_step(batch, {}), predicted, 1e-6);
  double sum = 0;
  for (const float value : plan->export_gradients()[0].values) sum += std::abs(static_cast<double>(value));
  EXPECT_GT(sum, 0);
}

}  // namespace
}  // namespace neon
