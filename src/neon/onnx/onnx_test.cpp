#include "neon/onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "neon/model_text.h"
#include "neon/onnx/golden_test.h"
#include "neon/predictor.h"

namespace neon {
namespace {

/// Numbers between -1 and 1 that look like none in particular.
float number(std::int64_t i) { return static_cast<float>(std::sin(0.7 * static_cast<double>(i) + 0.3)); }

/// With weights of its own, as if it had been trained.
Checkpoint trained(ModelSpec spec, tensor::Shape sample_shape) {
  Checkpoint checkpoint;
  checkpoint.spec = std::move(spec);
  checkpoint.inputs = {{"", std::move(sample_shape)}};
  const Graph graph = build_graph(checkpoint.spec, checkpoint.inputs);
  PlanOptions options;
  options.batch_size = 1;
  options.threads = 1;
  checkpoint.parameters = compile(graph, options)->export_parameters();
  std::int64_t i = 0;
  for (NamedTensor& tensor : checkpoint.parameters)
    for (float& value : tensor.values) value = tensor.name.ends_with("gvar") ? 1.5f + number(i++) : 0.5f * number(i++);
  return checkpoint;
}
Checkpoint trained(std::string_view layers, tensor::Shape sample_shape, std::string_view cost = "SumSquared") {
  return trained(
      parse_model(fmt::format("layers:\n{}\ncost: {}\noptimizer: {{type: Adam}}\n", layers, cost), "model.yaml"),
      std::move(sample_shape));
}

/// All outputs for three examples.
std::vector<float> predictions(const Checkpoint& checkpoint) {
  const Graph graph = build_graph(checkpoint.spec, checkpoint.inputs);
  PlanOptions options;
  options.batch_size = 3;
  options.threads = 1;
  const auto plan = compile(graph, options);
  plan->import_parameters(checkpoint.parameters);
  tensor::Tensor input{tensor::Dtype::f32, tensor::with_rows(3, graph.spec_of(graph.predicted_from()[0]).shape),
                       nullptr};
  tensor::Arena memory(static_cast<std::size_t>(input.size()) * sizeof(float));
  input.data = memory.data();
  std::int64_t i = 0;
  for (float& value : input.as<float>()) value = number(++i);
  plan->infer(input);
  std::vector<float> all;
  for (std::size_t o = 0; o < graph.predicted_count(); ++o)
    all.insert(all.end(), plan->output(o).begin(), plan->output(o).end());
  return all;
}

std::vector<std::string> operators(const OnnxModel& model) {
  std::vector<std::string> names;
  for (const OnnxNode& node : model.nodes) names.push_back(node.op);
  return names;
}

/// Through a file and back.
OnnxModel stored(const OnnxModel& model) {
  const base::TemporaryFolder folder;
  write_onnx(model, folder.path() / "model.onnx");
  return read_onnx(folder.path() / "model.onnx");
}

std::string refusal(const auto& call) {
  try {
    call();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::invalid_argument) << error.message;
    return error.message;
  }
  return "was taken";
}

struct Network {
  std::string_view name, layers;
  tensor::Shape sample_shape;
  friend std::ostream& operator<<(std::ostream& out, const Network& network) { return out << network.name; }
};

class OnnxOf : public testing::TestWithParam<Network> {};

/// What is written and read again predicts the same.
TEST_P(OnnxOf, AndBack) {
  const Checkpoint before = trained(GetParam().layers, GetParam().sample_shape);
  const Checkpoint after = checkpoint_of(stored(onnx_of(before)));
  EXPECT_EQ(after.inputs[0].shape, before.inputs[0].shape);
  const std::vector<float> expected = predictions(before), got = predictions(after);
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-5) << i;
  // Layers read from the model file are those of the checkpoint.
  EXPECT_EQ(parse_model(yaml_of(after.spec), "again.yaml").to_json(), after.spec.to_json()) << yaml_of(after.spec);
}

INSTANTIATE_TEST_SUITE_P(All, OnnxOf,
                         testing::Values(Network{"dense",
                                                 R"(
  - {type: Affine, config: {nout: 6, init: Gaussian, bias: Gaussian, activation: {type: Rectlin, config: {slope: 0.1}}}}
  - {type: Dropout, config: {keep: 0.8}}
  - {type: Dropout, config: {keep: 0.5, inverted: true}}
  - {type: Affine, config: {nout: 4, init: Gaussian, batch_norm: true, activation: Tanh}}
  - {type: Affine, config: {nout: 3, init: Gaussian, bias: Gaussian, activation: Softmax}})",
                                                 {5}},
                                         Network{"windows",
                                                 R"(
  - {type: Conv, config: {fshape: [3, 2, 4], init: Gaussian, strides: {str_h: 2, str_w: 1}, padding: {pad_h: 1, pad_w: 0}, batch_norm: true, activation: Rectlin}}
  - {type: Pooling, config: {fshape: 3, strides: 2, padding: 1, op: avg}}
  - {type: Convolution, config: {fshape: [2, 2, 5], init: Gaussian, dilation: {dil_h: 1, dil_w: 2}, padding: 1}}
  - {type: Pooling, config: {fshape: {R: 2, S: 1}}}
  - {type: Activation, config: {transform: Logistic}}
  - {type: Affine, config: {nout: 3, init: Gaussian, activation: Identity}})",
                                                 {2, 13, 9}},
                                         Network{"volumes",
                                                 R"(
  - {type: Convolution, config: {fshape: [2, 3, 3, 4], init: Gaussian, strides: {str_d: 2}}}
  - {type: Pooling, config: {fshape: {T: 2, R: 2, S: 2}}}
  - {type: Linear, config: {nout: 3, init: Gaussian}})",
                                                 {2, 6, 6, 6}},
                                         Network{"residual",
                                                 R"(
  - {type: Conv, config: {fshape: [3, 3, 8], init: Gaussian, padding: 1, batch_norm: true, activation: Rectlin}}
  - type: MergeSum
    config:
      layers:
        - {type: SkipNode}
        - - {type: Conv, config: {fshape: [3, 3, 8], init: Gaussian, padding: 1, batch_norm: true, activation: Rectlin}}
          - type: MergeBroadcast
            config:
              merge: depth
              layers:
                - {type: Convolution, config: {fshape: [1, 1, 3], init: Gaussian}}
                - {type: Convolution, config: {fshape: [3, 3, 5], init: Gaussian, padding: 1}}
  - {type: Activation, config: {transform: Rectlin}}
  - {type: Pooling, config: {fshape: all, op: avg}}
  - {type: Affine, config: {nout: 4, init: Gaussian, bias: Gaussian, activation: Softmax}})",
                                                 {3, 7, 6}},
                                         Network{"stack",
                                                 R"(
  - type: MergeBroadcast
    config:
      merge: stack
      layers:
        - {type: SkipNode}
        - {type: Pooling, config: {fshape: 2}}
        - {type: Affine, config: {nout: 3, init: Gaussian, activation: Tanh}}
  - {type: Bias, config: {init: Gaussian}}
  - {type: Linear, config: {nout: 2, init: Gaussian}})",
                                                 {2, 4, 4}},
                                         Network{"sequence",
                                                 R"(
  - {type: Affine, config: {nout: 4, init: Gaussian, batch_norm: true, activation: Tanh}}
  - {type: Affine, config: {nout: 3, init: Gaussian, bias: Gaussian, activation: Softmax}})",
                                                 {5, 6}},
                                         Network{"softmax_of_maps",
                                                 R"(
  - {type: Activation, config: {transform: Softmax}}
  - {type: Convolution, config: {fshape: [2, 2, 2], init: Gaussian}})",
                                                 {2, 3, 3}}),
                         [](const auto& info) { return std::string(info.param.name); });

/// Whatever a layer can be told: it is exported as it predicts, or refused.
TEST(Onnx, SaysWhatEveryLayerDoesOrRefuses) {
  int came_back = 0;
  for (const auto& [name, member] : Shelf<GraphPart>::instance().members())
    for (const LayerCase& c : member.cases()) {
      if (!c.more_in.empty() || c.in_dtype != tensor::Dtype::f32) continue;
      ModelSpec spec;
      spec.layers = {{std::string(name), base::parse_json(c.config, "case").get_object(), {}}};
      spec.cost = {"SumSquared", {}, {}};
      spec.optimizer = {"Adam", {}, {}};
      spec.metric = {"Misclassification", {}, {}};
      Checkpoint before, after;
      try {
        before = trained(spec, c.in);
        after = checkpoint_of(onnx_of(before));
      } catch (const base::Error& error) {
        EXPECT_EQ(error.code, base::Code::invalid_argument) << name << ": " << error.message;
        continue;
      }
      ++came_back;
      const std::vector<float> expected = predictions(before), got = predictions(after);
      ASSERT_EQ(got.size(), expected.size()) << name << " " << c.config;
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-4) << name << " " << c.config;
    }
  EXPECT_GT(came_back, 100);
}

TEST(Onnx, PredictsWhatOnnxRuntimeDoes) {
  const Checkpoint checkpoint = checkpoint_of(parse_onnx(golden::kNetwork, "golden.onnx"));
  const std::vector<float> got = predictions(checkpoint);
  ASSERT_EQ(got.size(), 2u * 9);  // three examples, of which two are known
  for (std::size_t i = 0; i < golden::kClasses.size(); ++i) {
    EXPECT_NEAR(got[i], golden::kClasses[i], 1e-6) << i;
    EXPECT_NEAR(got[9 + i], golden::kLogits[i], 2e-6) << i;
  }
}

TEST(Onnx, NamesOutputsAfterLayersAndKeepsLabels) {
  Checkpoint checkpoint = trained(R"(
  - type: Tree
    config:
      layers:
        - - {type: Affine, config: {name: trunk, nout: 4, init: Gaussian, activation: Tanh}}
          - {type: BranchNode, config: {name: b}}
          - {type: Affine, config: {name: main, nout: 3, init: Gaussian, activation: Softmax}}
        - - {type: BranchNode, config: {name: b}}
          - {type: Linear, config: {name: side, nout: 2, init: Gaussian}})",
                                  {5}, "{type: Multicost, config: {costs: [CrossEntropyMulti, SumSquared]}}");
  checkpoint.labels = {"a", "b", "ü"};
  checkpoint.preprocessing = {{"etl", base::json::array{1, "x"}}};
  const OnnxModel model = stored(onnx_of(checkpoint));
  EXPECT_EQ(operators(model), (std::vector<std::string>{"Gemm", "Tanh", "Gemm", "Softmax", "Gemm"}));
  ASSERT_EQ(model.outputs.size(), 2u);
  EXPECT_EQ(model.inputs[0].name, "input");
  EXPECT_EQ(model.inputs[0].sample_shape, (tensor::Shape{5}));
  EXPECT_EQ(model.outputs[0].name, "main_Softmax");
  EXPECT_EQ(model.outputs[1].name, "side");
  const Checkpoint again = checkpoint_of(model);
  EXPECT_EQ(again.labels, checkpoint.labels);
  EXPECT_EQ(again.preprocessing, checkpoint.preprocessing);
  const std::vector<float> expected = predictions(checkpoint), got = predictions(again);
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6) << i;
}

TEST(Onnx, LeavesOutWhatIsForTrainingOnly) {
  const Checkpoint checkpoint = trained(R"(
  - type: SingleOutputTree
    config:
      layers:
        - [{type: BranchNode, config: {name: b}}, {type: Linear, config: {nout: 3, init: Gaussian}}]
        - [{type: BranchNode, config: {name: b}}, {type: Linear, config: {nout: 2, init: Gaussian}}])",
                                        {5}, "{type: Multicost, config: {costs: [SumSquared, SumSquared]}}");
  const OnnxModel model = onnx_of(checkpoint);
  EXPECT_EQ(operators(model), std::vector<std::string>{"Gemm"});
  EXPECT_EQ(model.outputs.size(), 1u);
}

/// A network of one operator that takes (n, 2, 4, 4).
OnnxModel one(std::string op, std::map<std::string, OnnxAttribute> attributes, std::vector<OnnxTensor> constants = {}) {
  OnnxModel model;
  model.inputs = {{"x", {2, 4, 4}}};
  OnnxNode node{std::move(op), "it", {"x"}, {"y"}, std::move(attributes)};
  for (OnnxTensor& tensor : constants) {
    node.inputs.push_back(tensor.name);
    model.constants.push_back(std::move(tensor));
  }
  model.nodes = {std::move(node)};
  model.outputs = {{"y", {}}};
  return model;
}

OnnxTensor weights(tensor::Shape shape) {
  const auto count = static_cast<std::size_t>(tensor::element_count(shape));
  return {"w", std::move(shape), std::vector<float>(count, 0.5f)};
}

TEST(Onnx, RefusesByOperatorAndNode) {
  const auto why = [](const OnnxModel& model) { return refusal([&] { checkpoint_of(model); }); };
  using List = std::vector<std::int64_t>;
  const std::int64_t one_int = 1;
  EXPECT_THAT(why(one("NonZero", {})), testing::HasSubstr("operator 'NonZero' (node 'it'): no layer stands for it"));
  EXPECT_THAT(why(one("Conv", {{"group", one_int}}, {weights({3, 5, 3, 3})})),
              testing::HasSubstr("its weights are (3, 5, 3, 3), but what goes in needs (3, 2, 3, 3)"));
  EXPECT_THAT(why(one("Conv", {{"strides", List{1, one_int << 62}}}, {weights({3, 2, 3, 3})})),
              testing::HasSubstr("from 1 to 65535"));
  EXPECT_THAT(why(one("MaxPool", {{"kernel_shape", List{3, 3}}, {"strides", List{2, 2}}, {"ceil_mode", one_int}})),
              testing::HasSubstr("reach beyond the end of extent 4"));
  EXPECT_THAT(why(one("AveragePool",
                      {{"kernel_shape", List{3, 3}}, {"pads", List{1, 1, 1, 1}}, {"count_include_pad", one_int}})),
              testing::HasSubstr("padding does not count"));
  EXPECT_THAT(why(one("Softmax", {{"axis", std::int64_t{2}}})),
              testing::HasSubstr("are not the features of a row, a time step or a place"));
  EXPECT_THAT(why(one("Gemm", {}, {weights({32, 3})})), testing::HasSubstr("its input is no matrix"));
  EXPECT_THAT(why(one("Relu", {{"slope", 1.0f}})), testing::HasSubstr("the attribute 'slope' is not known here"));
  EXPECT_THAT(why(one("Gemm", {{"transA", one_int}}, {weights({32, 3})})),
              testing::HasSubstr("transA must be 0, got 1"));
  EXPECT_THAT(why(one("Add", {}, {weights({3})})), testing::HasSubstr("a constant of (3) does not fit"));
  OnnxModel missing = one("Relu", {});
  missing.nodes[0].inputs = {"z"};
  EXPECT_THAT(why(missing), testing::HasSubstr("comes from nowhere"));
}

TEST(Onnx, TellsEverythingThatDoesNotFitAtOnce) {
  OnnxModel model = one("Relu", {});
  model.nodes = {{"Einsum", "first", {"x"}, {"a"}, {}},
                 {"Relu", "second", {"x"}, {"b"}, {{"slope", 1.0f}}},
                 {"TopK", "unread", {"x"}, {"u"}, {}},
                 {"Add", "sum", {"a", "b"}, {"c"}, {}},
                 {"Gemm", "third", {"c", "w"}, {"y"}, {{"transA", std::int64_t{1}}}}};
  model.constants = {weights({32, 3})};
  const std::string why = refusal([&] { checkpoint_of(model); });
  EXPECT_THAT(why, testing::HasSubstr("3 things cannot be taken over"));
  EXPECT_THAT(why, testing::HasSubstr("operator 'Einsum' (node 'first'): no layer stands for it"));
  EXPECT_THAT(why, testing::HasSubstr("operator 'Relu' (node 'second'): the attribute 'slope' is not known here"));
  EXPECT_THAT(why, testing::HasSubstr("operator 'Gemm' (node 'third'): transA must be 0, got 1"));
  EXPECT_THAT(why, testing::Not(testing::HasSubstr("TopK")));  // nothing needs it
}

TEST(Onnx, RefusesBranchesThatCross) {
  OnnxModel model = one("Relu", {});
  model.nodes = {{"Relu", "a", {"x"}, {"a"}, {}},
                 {"Tanh", "b", {"a"}, {"b"}, {}},
                 {"Add", "c", {"a", "b"}, {"c"}, {}},
                 {"Sigmoid", "d", {"b"}, {"d"}, {}},
                 {"Add", "e", {"c", "d"}, {"y"}, {}}};
  EXPECT_THAT(refusal([&] { checkpoint_of(model); }), testing::HasSubstr("branches that cross"));
}

TEST(Onnx, RefusesLayersWithoutWordsByName) {
  const auto why = [](std::string_view layer) {
    const Checkpoint checkpoint = trained(layer, {4, 5});
    return refusal([&] { onnx_of(checkpoint); });
  };
  EXPECT_THAT(why("  - {type: GRU, config: {name: memory, output_size: 3, init: Gaussian, activation: Tanh, "
                  "gate_activation: Tanh}}"),
              testing::HasSubstr("layer 'memory' (GRU) cannot be said in ONNX: its GRU keeps the state by 1 - z"));
  EXPECT_THAT(why("  - {type: Recurrent, config: {name: memory, output_size: 3, init: Gaussian, activation: GELU}}"),
              testing::HasSubstr("inside a recurrent layer there are only Identity, Relu, LeakyRelu"));
}

TEST(Onnx, TellsRecurrentOperatorsHowLongSequencesAre) {
  Checkpoint checkpoint;
  checkpoint.spec = parse_model(R"(
layers:
  - SequenceLengths
  - {type: LSTM, config: {output_size: 4, init: Gaussian, activation: Tanh, gate_activation: Logistic}}
  - RecurrentLast
cost: SumSquared
optimizer: Adam
)",
                                "model.yaml");
  checkpoint.inputs = {{"x", {3, 7}}, {"x_length", {}, tensor::Dtype::i32}};
  PlanOptions options;
  options.batch_size = 1;
  options.threads = 1;
  const Graph graph = build_graph(checkpoint.spec, checkpoint.inputs);
  checkpoint.parameters = compile(graph, options)->export_parameters();
  const OnnxModel model = onnx_of(checkpoint);
  ASSERT_EQ(model.inputs.size(), 2u);
  EXPECT_TRUE(model.inputs[1].whole);
  const auto lstm = std::find_if(model.nodes.begin(), model.nodes.end(), [](const auto& n) { return n.op == "LSTM"; });
  ASSERT_NE(lstm, model.nodes.end());
  EXPECT_EQ(lstm->inputs.size(), 5u);
  EXPECT_THAT(operators(model), testing::Contains("Equal"));  // the last real step
}

TEST(Onnx, RefusesACheckpointThatDoesNotFit) {
  Checkpoint checkpoint = trained("  - {type: Linear, config: {nout: 2, init: Gaussian}}", {3});
  checkpoint.parameters.clear();
  EXPECT_THAT(refusal([&] { onnx_of(checkpoint); }), testing::HasSubstr("no parameter 'Linear_0/W'"));
}

TEST(OnnxFile, IsBoundedByItsBytes) {
  const auto why = [](std::string bytes) { return refusal([&] { parse_onnx(bytes, "m.onnx"); }); };
  EXPECT_THAT(why(""), testing::HasSubstr("'m.onnx' cannot be read as an ONNX file: it has no operators"));
  EXPECT_THAT(why("no such file"), testing::HasSubstr("cannot be read"));
  // A graph that says it is longer than the file.
  EXPECT_THAT(why("\x3a\xff\xff\xff\x7f"), testing::HasSubstr("longer than the file"));
  // A graph of nothing but empty operators.
  std::string nodes;
  for (int i = 0; i < 10'001; ++i) nodes += std::string("\x0a\x00", 2);
  std::string graph = "\x3a";
  for (std::size_t n = nodes.size(); n > 0; n >>= 7) graph += static_cast<char>((n & 127) | (n > 127 ? 128 : 0));
  EXPECT_THAT(why(graph + nodes), testing::HasSubstr("over 10000 operators"));
  // A tensor {dims: [2^40], float} without numbers, and one in another file.
  EXPECT_THAT(why(std::string("\x3a\x0c\x2a\x0a\x0a\x06\x80\x80\x80\x80\x80\x20\x10\x01", 14)),
              testing::HasSubstr("has 0 bytes where its shape needs"));
  EXPECT_THAT(why(std::string("\x3a\x06\x2a\x04\x10\x01\x70\x01", 8)), testing::HasSubstr("in another file"));
}

}  // namespace
}  // namespace neon
