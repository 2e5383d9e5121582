// What recurrent layers and lookup tables promise beyond their formulas, which the conformance test checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "neon/testing/reference_network.h"

namespace neon {
namespace {

using ::testing::HasSubstr;

Part part(std::string_view json) { return Part::from_json(base::parse_json(json, "test"), ""); }

Graph graph_of(const std::vector<std::string_view>& layers, const TensorSpec& in) {
  ModelSpec spec;
  for (const std::string_view layer : layers) spec.layers.push_back(part(layer));
  return build_graph(spec, std::vector{in});
}

std::string refusal_of(const std::vector<std::string_view>& layers, const TensorSpec& in) {
  try {
    graph_of(layers, in);
    return "accepted";
  } catch (const base::Error& error) {
    return error.message;
  }
}

constexpr std::string_view kLstm =
    R"({"type": "LSTM", "config": {"output_size": 3, "init": {"type": "Constant", "config": {"val": 2}},
        "init_inner": {"type": "Constant", "config": {"val": 5}}, "activation": "Tanh", "gate_activation": "Logistic"}})";

TEST(RecurrentLayers, WeightsAreOneTensorInTheOrderInputsStateBiases) {
  const auto plan = compile(graph_of({kLstm}, {{4, 6}}), {});
  const auto tensors = plan->export_parameters();
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors[0].name, "LSTM_0/W");
  EXPECT_EQ(tensors[0].shape, (tensor::Shape{4 + 3 + 1, 4 * 3}));
  const auto& w = tensors[0].values;
  for (std::size_t i = 0; i < w.size(); ++i) EXPECT_EQ(w[i], i < 48 ? 2 : i < 48 + 36 ? 5 : 0) << i;
}

TEST(RecurrentLayers, EachGateIsInitialisedByItself) {
  const auto plan = compile(
      graph_of({R"({"type": "GRU", "config": {"output_size": 6, "init": {"type": "Orthonormal", "config": {"scale": 1}},
                    "activation": "Tanh", "gate_activation": "Logistic"}})"},
               {{6, 2}}),
      {});
  const auto w = plan->export_parameters()[0].values;
  for (std::size_t gate = 0; gate < 6; ++gate)  // three of the inputs, three of the state
    for (std::size_t a = 0; a < 6; ++a)
      for (std::size_t b = 0; b < 6; ++b) {
        double product = 0;
        for (std::size_t i = 0; i < 6; ++i) product += w[gate * 36 + a * 6 + i] * w[gate * 36 + b * 6 + i];
        EXPECT_NEAR(product, a == b ? 1 : 0, 1e-5);
      }
}

TEST(RecurrentLayers, BothDirectionsShareOneTensor) {
  const auto plan = compile(
      graph_of({R"({"type": "BiRNN", "config": {"output_size": 3, "init": {"type": "Constant", "config": {"val": 2}},
                    "init_inner": {"type": "Constant", "config": {"val": 5}}, "activation": "Tanh"}})"},
               {{4, 6}}),
      {});
  const auto tensors = plan->export_parameters();
  EXPECT_EQ(tensors[0].shape, (tensor::Shape{2 * (4 + 3 + 1), 3}));
  const auto& w = tensors[0].values;
  for (std::size_t i = 0; i < w.size(); ++i) EXPECT_EQ(w[i], i < 24 ? 2 : i < 24 + 18 ? 5 : 0) << i;
}

TEST(RecurrentLayers, TheStateStartsAtZeroInEveryBatch) {
  PlanOptions options;
  options.batch_size = 2;
  const auto plan = compile(graph_of({kLstm}, {{4, 6}}), options);
  std::vector<float> x(2 * 4 * 6, 0.3f);
  const tensor::Tensor input{tensor::Dtype::f32, {2, 4, 6}, x.data()};
  const auto once = plan->infer(input);
  const std::vector<float> first(once.begin(), once.end());
  const auto again = plan->infer(input);
  EXPECT_TRUE(std::equal(again.begin(), again.end(), first.begin()));
}

TEST(RecurrentLayers, NetworksOfThemAgreeWithPlainLoops) {
  const Graph graph = graph_of(
      {R"({"type": "LookupTable", "config": {"vocab_size": 12, "embedding_dim": 24, "init": "Gaussian"}})",
       R"({"type": "BiLSTM", "config": {"output_size": 20, "init": "GlorotUniform", "activation": "Tanh", "gate_activation": "Logistic"}})",
       R"({"type": "Dropout", "config": {"keep": 0.7}})", R"({"type": "BiSum", "config": {}})",
       R"({"type": "GRU", "config": {"output_size": 33, "init": "GlorotUniform", "activation": "Tanh", "gate_activation": "Logistic"}})",
       R"({"type": "BatchNorm", "config": {}})",
       R"({"type": "LSTM", "config": {"output_size": 32, "init": "GlorotUniform", "activation": "Tanh", "gate_activation": "Logistic"}})",
       R"({"type": "RecurrentLast", "config": {}})",
       R"({"type": "Affine", "config": {"nout": 5, "init": "GlorotUniform", "bias": "Uniform", "activation": "Softmax"}})"},
      {{9}, tensor::Dtype::i32});
  testing::compare_with_reference(graph, 16, 1e-4);
  testing::compare_with_reference(graph, 16, 1e-4, tensor::kPlainLoops);
}

TEST(RecurrentLayers, WhatDoesNotFitIsNamed) {
  EXPECT_THAT(refusal_of({kLstm}, {{4}}), HasSubstr("reads sequences (features, time steps), but (4) comes in"));
  EXPECT_THAT(
      refusal_of(
          {R"({"type": "Recurrent", "config": {"output_size": 3, "init": "Gaussian", "activation": "Softmax"}})"},
          {{4, 6}}),
      HasSubstr("Softmax is a function of whole rows"));
  EXPECT_THAT(
      refusal_of(
          {R"({"type": "BiRNN", "config": {"output_size": 3, "init": "Gaussian", "activation": "Tanh", "split_inputs": true}})"},
          {{5, 6}}),
      HasSubstr("half of the features, but 5 come in"));
  EXPECT_THAT(
      refusal_of(
          {R"({"type": "LookupTable", "config": {"vocab_size": 3, "embedding_dim": 2, "init": "Gaussian", "pad_idx": 3}})"},
          {{5}, tensor::Dtype::i32}),
      HasSubstr("pad_idx must be from 0 to 2"));
}

// --- LookupTable

struct Lookup {
  std::unique_ptr<Plan> plan;
  std::vector<std::int32_t> numbers{0, 1, 2, 2, 1, 3};
  std::vector<float> target = std::vector<float>(2 * 4 * 3, 1.0f);

  explicit Lookup(std::string_view more = "") {
    const std::string layer = fmt::format(
        R"({{"type": "LookupTable", "config": {{"vocab_size": 5, "embedding_dim": 4, "init": "Gaussian"{}}}}})", more);
    PlanOptions options;
    options.batch_size = 2;
    options.costs = {{std::make_shared<testing::Probe>(), "Probe", 0}};
    options.targets = {{"", {4, 3}}};
    plan = compile(graph_of({layer}, {{3}, tensor::Dtype::i32}), options);
  }
  tensor::Batch batch() {
    tensor::Batch batch;
    batch.inputs = {{tensor::Dtype::i32, {2, 3}, numbers.data()}};
    batch.targets = {{tensor::Dtype::f32, {2, 4, 3}, target.data()}};
    batch.count = 2;
    return batch;
  }
  std::string refusal() {
    try {
      plan->train_step(batch(), {});
      return "accepted";
    } catch (const base::Error& error) {
      return error.message;
    }
  }
  std::vector<float> gradient_of_rows() {
    plan->train_step(batch(), {});
    std::vector<float> rows;
    const auto w = plan->export_gradients()[0].values;
    for (std::size_t row = 0; row < 5; ++row) rows.push_back(w[row * 4]);
    return rows;
  }
};

TEST(LookupTables, GradientsReachOnlyRowsThatWereRead) {
  Lookup lookup;
  EXPECT_EQ(lookup.gradient_of_rows(), (std::vector<float>{1, 2, 2, 1, 0}));
  lookup.numbers = {4, 4, 4, 4, 4, 4};
  EXPECT_EQ(lookup.gradient_of_rows(), (std::vector<float>{0, 0, 0, 0, 6}));
}

TEST(LookupTables, PaddingIsZeroAndNeverLearns) {
  Lookup lookup(R"(, "pad_idx": 2)");
  const auto w = lookup.plan->export_parameters()[0].values;
  for (std::size_t i = 0; i < w.size(); ++i) EXPECT_EQ(w[i] == 0, i / 4 == 2) << i;
  EXPECT_EQ(lookup.gradient_of_rows(), (std::vector<float>{1, 2, 0, 1, 0}));
}

TEST(LookupTables, NumbersOutOfRangeAreNamedBeforeTheStep) {
  Lookup lookup;
  lookup.numbers[4] = 5;
  EXPECT_EQ(lookup.refusal(),
            "layer 'LookupTable_0' reads whole numbers from 0 to 4, but example 1 of the batch has 5 at step 1");
  lookup.numbers[4] = -1;
  EXPECT_THAT(lookup.refusal(), HasSubstr("has -1 at step 1"));
}

TEST(LookupTables, NumbersMayComeAsFloats) {
  PlanOptions options;
  options.batch_size = 1;
  const auto plan = compile(
      graph_of({R"({"type": "LookupTable", "config": {"vocab_size": 3, "embedding_dim": 1, "init": "Gaussian"}})"},
               {{2}}),
      options);
  std::vector<float> x{2, 0};
  const tensor::Tensor input{tensor::Dtype::f32, {1, 2}, x.data()};
  const auto w = plan->export_parameters()[0].values;
  const auto y = plan->infer(input);
  EXPECT_EQ(y[0], w[2]);
  EXPECT_EQ(y[1], w[0]);
  x[1] = 0.5;
  EXPECT_THROW(plan->infer(input), base::Error);
}

}  // namespace
}  // namespace neon
