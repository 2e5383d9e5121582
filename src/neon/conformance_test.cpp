// Every member of the layer shelf, from the cases that it registers: its steps against its plain loops in double, and
// the plain loops' gradients against finite differences.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "neon/reference_network_test.h"

namespace neon {
namespace {

struct Case {
  std::string layer, config;
  tensor::Shape in;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.layer << " " << c.config << " " << tensor::text(c.in);
  }
};

/// A configuration that makes each member, for asking it for its cases.
std::unique_ptr<Layer> any_of(std::string_view name) {
  static const std::map<std::string_view, std::string_view> required{
      {"Linear", R"({"nout": 1, "init": "Gaussian"})"},
      {"Affine", R"({"nout": 1, "init": "Gaussian"})"},
      {"Convolution", R"({"fshape": [1, 1, 1], "init": "Gaussian"})"},
      {"Conv", R"({"fshape": [1, 1, 1], "init": "Gaussian"})"},
      {"Bias", R"({"init": "Gaussian"})"},
      {"Pooling", R"({"fshape": 2})"},
      {"Activation", R"({"transform": "Tanh"})"}};
  const auto found = required.find(name);
  const auto config = base::parse_json(found == required.end() ? "{}" : found->second, "config");
  return Shelf<Layer>::instance().find(name, "").make(config.get_object(), "");
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& [name, member] : Shelf<Layer>::instance().members())
    for (const LayerCase& c : any_of(name)->cases()) cases.push_back({std::string(name), std::string(c.config), c.in});
  return cases;
}

Graph graph_of(const Case& c) {
  ModelSpec spec;
  spec.layers = {Part{c.layer, base::parse_json(c.config, "config").get_object(), ""}};
  return build_graph(spec, c.in);
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
  const Graph graph = graph_of(GetParam());
  testing::ReferenceNetwork network(graph, 3, 11);
  network.forward(true);
  const auto cotangent = testing::random_values(network.output().size(), 5);
  network.backward(cotangent);
  const auto gradients = network.gradients();
  const auto input_gradient = network.input_gradient();

  // d(Σ y·cotangent) at points spread over each tensor.
  const auto value = [&] {
    network.forward(true);
    double sum = 0;
    for (std::size_t i = 0; i < cotangent.size(); ++i) sum += cotangent[i] * network.output()[i];
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
  check(network.input(), input_gradient, "input");
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    for (std::size_t p = 0; p < graph.nodes[node].parameters.size(); ++p)
      if (graph.nodes[node].parameters[p].trained)
        check(network.parameters(node)[p], gradients[node][p],
              graph.nodes[node].name + " " + graph.nodes[node].parameters[p].name);
}

INSTANTIATE_TEST_SUITE_P(Layers, Conformance, ::testing::ValuesIn(all_cases()));

TEST(ConformanceCases, CoverEveryActivation) {
  std::string configs;
  for (const Case& c : all_cases()) configs += c.config;
  for (const auto& [name, member] : Shelf<Transform>::instance().members())
    EXPECT_NE(configs.find(fmt::format("\"{}\"", name)), std::string::npos) << "no case has the activation " << name;
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

}  // namespace
}  // namespace neon
