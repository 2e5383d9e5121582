// Every member of the layer shelf, from the cases that it registers: its steps against its plain loops in double, and
// the plain loops' gradients against finite differences.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "neon/testing/layer_inputs.h"
#include "neon/testing/reference_network.h"

namespace neon {
namespace {

struct Case {
  std::string layer, config;
  tensor::Shape in;
  std::vector<TensorSpec> more_in;
  bool has_true_gradient = true;
  tensor::Dtype in_dtype = tensor::Dtype::f32;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.layer << " " << c.config << " " << tensor::text(c.in);
  }
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& [name, member] : Shelf<GraphPart>::instance().members())
    for (const LayerCase& c : member.cases())
      cases.push_back({std::string(name), std::string(c.config), c.in, c.more_in, c.has_true_gradient, c.in_dtype});
  return cases;
}

Graph graph_of(const Case& c) {
  ModelSpec spec;
  spec.layers = {Part{c.layer, base::parse_json(c.config, "config").get_object(), ""}};
  return build_graph(spec, testing::inputs_of(c));
}

class Conformance : public ::testing::TestWithParam<Case> {};

TEST_P(Conformance, StepsAgreeWithPlainLoops) {
  for (const std::int64_t batch : {1, 5, 16}) {
    SCOPED_TRACE(batch);
    if (batch == 1 && !testing::can_train(graph_of(GetParam()), batch)) continue;
    testing::compare_with_reference(graph_of(GetParam()), batch, 2e-5);
  }
}

TEST_P(Conformance, PlainLoopsInFloatAgreeToo) {
  testing::compare_with_reference(graph_of(GetParam()), 5, 2e-5, tensor::kPlainLoops);
}

TEST_P(Conformance, GradientsAgreeWithFiniteDifferences) {
  if (!GetParam().has_true_gradient) return;
  const Graph graph = graph_of(GetParam());
  testing::ReferenceNetwork network(graph, 3, 11);
  network.forward(true);
  std::vector<std::vector<double>> cotangents;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i)
    network.without_padding(cotangents.emplace_back(testing::random_values(network.output(i).size(), 5 + i)), i);
  network.backward(cotangents);
  const auto gradients = network.gradients();

  // d(Σ y·cotangent) at points spread over each tensor.
  const auto value = [&] {
    network.forward(true);
    double sum = 0;
    for (std::size_t o = 0; o < cotangents.size(); ++o)
      for (std::size_t i = 0; i < cotangents[o].size(); ++i) sum += cotangents[o][i] * network.output(o)[i];
    return sum;
  };
  const auto check = [&](std::vector<double>& values, const std::vector<double>& gradient, const std::string& what) {
    for (std::size_t i = 0; i < values.size(); i += 1 + values.size() / 17) {
      constexpr double kStep = 1e-6;
      const double before = values[i];
      values[i] = before + kStep;
      const double up = value();
      values[i] = before - kStep;
      const double down = value();
      values[i] = before;
      EXPECT_NEAR(gradient[i], (up - down) / (2 * kStep), 1e-5 * std::max(1.0, std::abs(gradient[i])))
          << what << " " << i;
    }
  };
  for (std::size_t i = 0; i < graph.inputs.size(); ++i)
    if (graph.spec_of(graph.inputs[i]).dtype == tensor::Dtype::f32) {
      const auto input_gradient = network.input_gradient(i);
      check(network.input(i), input_gradient, fmt::format("input {}", i));
    }
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    for (std::size_t p = 0; graph.nodes[node].owns_parameters() && p < graph.nodes[node].parameters.size(); ++p)
      if (graph.nodes[node].parameters[p].trained)
        check(network.parameters(node)[p], gradients[node][p],
              graph.nodes[node].name + " " + graph.nodes[node].parameters[p].name);
}

INSTANTIATE_TEST_SUITE_P(Layers, Conformance, ::testing::ValuesIn(all_cases()));

TEST(ConformanceCases, EveryMemberHasSomeOrIsPartOfAnothers) {
  std::string configs;
  for (const Case& c : all_cases()) configs += c.config;
  for (const auto& [name, member] : Shelf<GraphPart>::instance().members())
    EXPECT_TRUE(!member.cases().empty() || configs.find(fmt::format(R"("type": "{}")", name)) != std::string::npos)
        << "no case exercises " << name;
}

Part part(std::string_view json) { return Part::from_json(base::parse_json(json, "test"), ""); }

TEST(WholeNetwork, ConvnetAgreesWithPlainLoops) {
  ModelSpec spec;
  spec.layers = {
      part(
          R"({"type": "Conv", "config": {"fshape": [3, 3, 8], "init": "Gaussian", "batch_norm": true, "activation": "Rectlin"}})"),
      part(R"({"type": "Pooling", "config": {"fshape": 2}})"),
      part(
          R"({"type": "Conv", "config": {"fshape": [3, 3, 10], "init": "GlorotUniform", "padding": 1, "bias": "Uniform", "activation": "Tanh"}})"),
      part(R"({"type": "Dropout", "config": {"keep": 0.7}})"),
      part(R"({"type": "Pooling", "config": {"fshape": 2, "op": "avg"}})"),
      part(
          R"({"type": "Affine", "config": {"nout": 20, "init": "GlorotUniform", "batch_norm": true, "activation": {"type": "Rectlin", "config": {"slope": 0.2}}}})"),
      part(R"({"type": "Dropout", "config": {}})"),
      part(
          R"({"type": "Affine", "config": {"nout": 5, "init": "GlorotUniform", "bias": "Uniform", "activation": "Logistic"}})")};
  const Graph graph = build_graph(spec, {3, 12, 12});
  testing::compare_with_reference(graph, 16, 1e-4);
  testing::compare_with_reference(graph, 16, 1e-4, tensor::kPlainLoops);
}

TEST(WholeNetwork, DenseLayersOfPowerOfTwoWidthAgreeWithPlainLoops) {
  ModelSpec spec;  // the kernels for these widths are picked by a rule of their own
  spec.layers = {
      part(R"({"type": "Affine", "config": {"nout": 1024, "init": "GlorotUniform", "activation": "Tanh"}})"),
      part(
          R"({"type": "Affine", "config": {"nout": 6, "init": "GlorotUniform", "bias": "Uniform", "activation": "Tanh"}})")};
  testing::compare_with_reference(build_graph(spec, {1024}), 8, 1e-4);
}

TEST(WholeNetwork, EveryOrderOfSmallLayersAgreesWithPlainLoops) {
  ModelSpec spec;
  spec.layers = {part(R"({"type": "BatchNorm", "config": {}})"),
                 part(R"({"type": "Bias", "config": {"init": "Uniform"}})"),
                 part(R"({"type": "Activation", "config": {"transform": "Tanh"}})"),
                 part(R"({"type": "Dropout", "config": {"keep": 0.6}})"),
                 part(R"({"type": "Activation", "config": {"transform": "Identity"}})"),
                 part(R"({"type": "Pooling", "config": {"fshape": 2}})"),
                 part(R"({"type": "Activation", "config": {"transform": "Logistic"}})"),
                 part(R"({"type": "Linear", "config": {"nout": 6, "init": "GlorotUniform"}})"),
                 part(R"({"type": "Dropout", "config": {"keep": 0.9}})"),
                 part(R"({"type": "BatchNorm", "config": {}})"),
                 part(R"({"type": "Activation", "config": {"transform": "Tanh"}})"),
                 part(R"({"type": "Activation", "config": {"transform": "Softmax"}})")};
  testing::compare_with_reference(build_graph(spec, {5, 4, 4}), 12, 1e-4);
}

// Ten maps lie in blocks of 8 or 16, and what pads the last block must stay zero whatever a function makes of it.
TEST(WholeNetwork, EveryActivationBetweenConvolutionsAgreesWithPlainLoops) {
  for (const auto& [name, member] : Shelf<Transform>::instance().members()) {
    auto cases = member.cases();
    if (cases.empty()) cases = {"{}"};
    SCOPED_TRACE(name);
    ModelSpec spec;
    const std::string convolution =
        R"({{"type": "Convolution", "config": {{"fshape": [3, 3, {}], "padding": 1, "init": "Gaussian"}}}})";
    spec.layers = {
        part(fmt::format(fmt::runtime(convolution), 10)),
        part(fmt::format(R"({{"type": "Activation", "config": {{"transform": {{"type": "{}", "config": {}}}}}}})", name,
                         cases[0])),
        part(fmt::format(fmt::runtime(convolution), 4))};
    testing::compare_with_reference(build_graph(spec, {3, 6, 6}), 4, 1e-4);
  }
}

/// Makes up networks of smooth layers in nested containers that keep the shape (6, 5, 5). Normalisations have a large
/// eps, or chains of them would magnify the rounding of f32.
class Dreamer {
 public:
  explicit Dreamer(std::uint64_t seed) : random_(seed, 0) {}

  ModelSpec model() {
    ModelSpec spec;
    spec.layers = branch(2);
    const Part head =
        part(R"({"type": "Affine", "config": {"nout": 3, "init": "GlorotUniform", "activation": "Tanh"}})");
    if (below(2) == 0) {
      spec.layers.push_back(head);
      return spec;
    }
    // A trunk and two branches, one of which begins where the other does.
    std::vector<Part> trunk = branch(1);
    trunk.push_back(node("left"));
    for (const Part& layer : branch(1)) trunk.push_back(layer);
    trunk.push_back(node("right"));
    trunk.push_back(head);
    std::vector<Part> left{node("left")}, right{node("right")};
    for (const Part& layer : branch(2)) left.push_back(layer);
    right.push_back(head);
    spec.layers.push_back(container(below(2) == 0 ? "Tree" : "SingleOutputTree", {trunk, left, right}));
    return spec;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

  static Part node(std::string_view name) {
    return part(fmt::format(R"({{"type": "BranchNode", "config": {{"name": "{}"}}}})", name));
  }

  static Part container(std::string_view type, const std::vector<std::vector<Part>>& branches,
                        std::string_view more = {}) {
    base::json::array list;
    for (const auto& branch : branches) {
      base::json::array layers;
      for (const Part& layer : branch) layers.push_back(layer.to_json());
      list.push_back(layers);
    }
    Part made{std::string(type), {{"layers", list}}, ""};
    if (!more.empty()) made.config["merge"] = more;
    return made;
  }

  std::vector<Part> branch(int depth) {
    std::vector<Part> layers;
    for (std::uint64_t count = 1 + below(3); count > 0; --count)
      for (Part& layer : one(depth)) layers.push_back(std::move(layer));
    return layers;
  }

  std::vector<Part> one(int depth) {
    constexpr std::array<std::string_view, 8> kLayers{
        R"({"type": "Conv", "config": {"fshape": [3, 3, 6], "padding": 1, "init": "GlorotUniform", "bias": "Uniform", "activation": "Tanh"}})",
        R"({"type": "Sequential", "config": {"layers": [{"type": "Convolution", "config": {"fshape": [1, 1, 6], "init": "GlorotUniform"}},
             {"type": "BatchNorm", "config": {"eps": 0.5}}, {"type": "Activation", "config": {"transform": "Logistic"}}]}})",
        R"({"type": "Activation", "config": {"transform": "Tanh"}})",
        R"({"type": "Bias", "config": {"init": "Uniform"}})",
        R"({"type": "Dropout", "config": {"keep": 0.8}})",
        R"({"type": "BatchNorm", "config": {"eps": 0.5}})",
        R"({"type": "Pooling", "config": {"fshape": 3, "strides": 1, "padding": 1, "op": "avg"}})",
        R"({"type": "SkipNode"})"};
    const std::uint64_t what = below(depth > 0 ? 12 : 8);
    if (what < 8) return {part(kLayers[what])};
    if (what < 10) {
      std::vector<std::vector<Part>> branches;
      for (std::uint64_t count = 2 + below(2); count > 0; --count) branches.push_back(branch(depth - 1));
      return {container("MergeSum", branches)};
    }
    if (what == 10) return {container("Sequential", {branch(depth - 1)})};
    return {container("MergeBroadcast", {branch(depth - 1), branch(depth - 1)}, "depth"),
            part(R"({"type": "Convolution", "config": {"fshape": [1, 1, 6], "init": "GlorotUniform"}})")};
  }

  base::Random random_;
};

TEST(WholeNetwork, MadeUpGraphsAgreeWithPlainLoops) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    testing::compare_with_reference(build_graph(Dreamer(seed).model(), {6, 5, 5}), 4, 2e-4);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace neon
