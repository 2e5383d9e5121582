// Every activation with every cost, as the last layer and inside the network: a plan's gradients are the slopes of the
// cost that it reports, whatever short cuts neon has.
#include "neon/pairing.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "neon/testing/reference_network.h"

namespace neon {
namespace {

struct Pair {
  std::string activation, config, cost;
  bool last = true;
  friend std::ostream& operator<<(std::ostream& out, const Pair& p) {
    return out << p.activation << p.config << (p.last ? " before " : " inside, then ") << p.cost;
  }
};

/// Whether an activation by itself can stand after five outputs, with a gradient that is the slope.
bool suits(const Shelf<Transform>::Member& member) {
  try {
    const auto function = member.make({}, "");
    function->check({5});
    return function->has_true_derivative();
  } catch (const base::Error&) {
    return false;  // it needs to be told something
  }
}

std::vector<Pair> all_pairs() {
  std::vector<Pair> pairs;
  for (const auto& [activation, transform] : Shelf<Transform>::instance().members()) {
    if (!suits(transform)) continue;
    for (const auto& [cost, member] : Shelf<Cost>::instance().members()) {
      if (member.make({}, "")->compares_sequences()) continue;  // this network gives none
      for (const bool last : {true, false}) {
        pairs.push_back({std::string(activation), "{}", std::string(cost), last});
        if (activation == "Logistic") pairs.push_back({"Logistic", R"({"shortcut":true})", std::string(cost), last});
        if (activation == "Rectlin") pairs.push_back({"Rectlin", R"({"slope":0.3})", std::string(cost), last});
      }
    }
  }
  return pairs;
}

Part part(std::string_view json) { return Part::from_json(base::parse_json(json, "test"), ""); }

/// Affine with the activation; inside the network another one of plain Logistics follows.
Graph graph_of(const Pair& p) {
  ModelSpec spec;
  spec.layers = {part(fmt::format(
      R"({{"type":"Affine","config":{{"nout":5,"init":"Gaussian","bias":"Uniform","activation":{{"type":"{}","config":{}}}}}}})",
      p.activation, p.config))};
  if (!p.last)
    spec.layers.push_back(
        part(R"({"type":"Affine","config":{"nout":5,"init":"Gaussian","name":"top","activation":"Logistic"}})"));
  return build_graph(spec, {6});
}

class Pairs : public ::testing::TestWithParam<Pair> {};

TEST_P(Pairs, GradientsAreTheSlopesOfTheCost) {
  constexpr std::int64_t kRows = 4, kColumns = 5;
  const Graph graph = graph_of(GetParam());
  PlanOptions options;
  options.batch_size = kRows;
  options.threads = 1;
  options.costs = {{Shelf<Cost>::instance().make({GetParam().cost, {}, ""})}};
  options.targets = {{"", graph.out_shape()}};
  options.input_gradient = true;
  const auto plan = compile(graph, options);

  testing::ReferenceNetwork network(graph, kRows, 2);
  auto tensors = plan->export_parameters();
  std::size_t at = 0;
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    for (std::size_t p = 0; p < graph.nodes[node].parameters.size(); ++p)
      tensors[at++].values = testing::as_exported(graph.nodes[node].parameters[p], network.parameters(node)[p]);
  plan->import_parameters(tensors);

  std::vector<float> input(network.input().begin(), network.input().end()), target(kRows * kColumns);
  for (std::int64_t row = 0; row < kRows; ++row)  // a distribution, and no output of any of these activations
    for (std::int64_t c = 0; c < kColumns; ++c) target[row * kColumns + c] = c == row ? 0.6f : 0.1f;
  tensor::Batch batch;
  batch.inputs = {{tensor::Dtype::f32, {kRows, 6}, input.data()}};
  batch.targets = {{tensor::Dtype::f32, {kRows, kColumns}, target.data()}};
  batch.count = kRows;
  plan->train_step(batch, {});

  const auto value = [&] {
    network.forward(true);
    double sum = 0;
    for (std::int64_t row = 0; row < kRows; ++row) {
      const auto from = network.output().begin() + row * kColumns;
      const std::vector<double> y(from, from + kColumns);
      const std::vector<double> t(target.begin() + row * kColumns, target.begin() + (row + 1) * kColumns);
      sum += options.costs[0].cost->reference_value(y, t);
    }
    return sum;
  };
  const auto slopes = [&](std::vector<double>& values) {
    std::vector<double> result;
    constexpr double kStep = 1e-6;
    for (double& x : values) {
      const double before = x;
      x = before + kStep;
      const double up = value();
      x = before - kStep;
      const double down = value();
      x = before;
      result.push_back((up - down) / (2 * kStep));
    }
    return result;
  };
  testing::expect_near(slopes(network.input()), plan->export_input_gradient(), 2e-5, "input");
  const auto gradients = plan->export_gradients();
  std::size_t gradient = 0;
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    for (std::size_t p = 0; p < graph.nodes[node].parameters.size(); ++p, ++gradient) {
      const auto expected = testing::as_exported(graph.nodes[node].parameters[p], slopes(network.parameters(node)[p]));
      testing::expect_near({expected.begin(), expected.end()}, gradients[gradient].values, 2e-5,
                           gradients[gradient].name);
    }
}

INSTANTIATE_TEST_SUITE_P(Shelves, Pairs, ::testing::ValuesIn(all_pairs()));

std::vector<std::string> warnings(const Pair& p) {
  const Graph graph = graph_of(p);
  return pairing_warnings(graph, cost_terms({p.cost, {}, ""}, graph));
}

TEST(PairingWarnings, NameCostLayerAndPartner) {
  EXPECT_EQ(warnings({"Softmax", "{}", "CrossEntropyBinary"}),
            std::vector<std::string>{"the cost CrossEntropyBinary is made for the activation Logistic, but the last "
                                     "layer 'Linear_0_Softmax' has Softmax; make Logistic the last activation, or use "
                                     "another cost"});
  EXPECT_EQ(warnings({"Softmax", "{}", "MeanSquared"}),
            std::vector<std::string>{"layer 'Linear_0_Softmax': the activation Softmax as it is written belongs right "
                                     "before the cost CrossEntropyMulti, not before MeanSquared; its true derivative "
                                     "is taken"});
  EXPECT_EQ(warnings({"Logistic", R"({"shortcut":true})", "CrossEntropyBinary", false}),
            std::vector<std::string>{"layer 'Linear_0_Logistic': the activation Logistic as it is written belongs "
                                     "right before the cost CrossEntropyBinary, not inside the network; its true "
                                     "derivative is taken"});
}

TEST(PairingWarnings, AreGivenForMistakesOnly) {
  for (const auto& [cost, partner] :
       std::map<std::string, std::string>{{"CrossEntropyMulti", "Softmax"}, {"CrossEntropyBinary", "Logistic"}})
    for (const char* activation : {"Softmax", "Logistic", "Rectlin", "Tanh", "Identity"})
      EXPECT_EQ(warnings({activation, "{}", cost}).size(), activation == partner ? 0u : 1u) << activation << cost;
  for (const char* cost : {"SumSquared", "MeanSquared"}) {
    for (const char* activation : {"Logistic", "Rectlin", "Tanh", "Identity"})
      EXPECT_TRUE(warnings({activation, "{}", cost}).empty()) << activation << cost;
    EXPECT_EQ(warnings({"Softmax", "{}", cost}).size(), 1u);
    EXPECT_EQ(warnings({"Logistic", R"({"shortcut":true})", cost}).size(), 1u);
  }
  EXPECT_TRUE(warnings({"Logistic", R"({"shortcut":true})", "CrossEntropyBinary"}).empty());
  ModelSpec bare;
  bare.layers = {part(R"({"type":"Affine","config":{"nout":5,"init":"Gaussian"}})")};
  const Graph graph = build_graph(bare, {6});
  EXPECT_EQ(pairing_warnings(graph, cost_terms({"CrossEntropyMulti", {}, ""}, graph)).size(), 1u);
}

}  // namespace
}  // namespace neon
