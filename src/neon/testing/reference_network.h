#pragma once
// A whole network in plain double loops, and its comparison with a plan.
#include <gtest/gtest.h>

#include <cmath>
#include <list>

#include "base/error.h"
#include "base/random.h"
#include "neon/plan.h"

namespace neon::testing {

inline std::vector<double> random_values(std::size_t count, std::uint64_t seed) {
  base::Random random(seed, 0);
  std::vector<double> values(count);
  for (double& value : values) value = static_cast<float>(random.normal());
  return values;
}

/// The walk of a graph in double: forward, and back from a gradient of each output.
class ReferenceNetwork {
 public:
  using Numbers = Reference::Numbers;

  ReferenceNetwork(const Graph& graph, std::int64_t n, std::uint64_t seed, std::uint64_t dropout_seed = 0,
                   std::int64_t step = 1)
      : graph_(graph), n_(n), values_(graph.edges.size()), gradients_(graph.edges.size()) {
    for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
      const TensorSpec& spec = graph.spec_of(graph.inputs[i]);
      Numbers& values = at(values_, graph.inputs[i]);
      values = random_values(static_cast<std::size_t>(n * tensor::element_count(spec.shape)), seed + 1000 * i);
      if (spec.dtype != tensor::Dtype::f32)
        for (double& value : values) value = std::floor(std::abs(value) * 1.7);  // indices: 0 to about 6
    }
    if (graph.adversaries) {
      const int edge = graph.adversaries->noise;
      at(values_, edge) = random_values(numbers_of(graph.spec_of(edge)), seed + 500);
    }
    for (const Node& node : graph.nodes) {
      Reference r;
      r.n = n;
      r.ins = node.ins;
      r.outs = node.outs;
      r.seed = dropout_seed;
      r.step = step;
      r.layer_index = node.index;
      for (std::size_t p = 0; p < node.parameters.size(); ++p) {
        auto values = random_values(static_cast<std::size_t>(tensor::element_count(node.parameters[p].shape)),
                                    base::stream_of(seed, static_cast<std::uint64_t>(node.index), p));
        // Small enough that sums stay near 1; variances must be positive.
        for (double& value : values) value = node.parameters[p].trained ? value * 0.3 : std::abs(value);
        r.parameters.push_back(std::move(values));
      }
      layers_.push_back(std::move(r));
    }
  }

  void forward(bool training) { forward(training, layers_.size()); }

  /// The first so many nodes only.
  void forward(bool training, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      Reference& r = layers_[i];
      const Node& node = graph_.nodes[i];
      const Lender lender(*this, node);
      r.training = training;
      r.srcs.clear();
      r.dsts.clear();
      for (const int edge : node.in_edges) r.srcs.push_back(at(values_, edge));
      for (const TensorSpec& out : r.outs) r.dsts.emplace_back(numbers_of(out), 0.0);
      node.layer->reference_forward(r);
      for (std::size_t o = 0; o < r.dsts.size(); ++o) at(values_, node.out_edges[o]) = r.dsts[o];
    }
  }

  /// One cotangent per output of the graph.
  void backward(const std::vector<Numbers>& cotangents) {
    for (std::size_t edge = 0; edge < graph_.edges.size(); ++edge)
      gradients_[edge].assign(numbers_of(graph_.edges[edge].spec), 0.0);
    for (std::size_t i = 0; i < cotangents.size(); ++i) add(at(gradients_, graph_.outputs[i]), cotangents[i]);
    for (std::size_t i = layers_.size(); i-- > 0;) {
      Reference& r = layers_[i];
      const Node& node = graph_.nodes[i];
      r.diff_dsts.clear();
      r.diff_srcs.clear();
      r.gradients.clear();
      for (const int edge : node.out_edges) r.diff_dsts.push_back(at(gradients_, edge));
      for (const Numbers& src : r.srcs) r.diff_srcs.emplace_back(src.size(), 0.0);
      for (const Numbers& values : r.parameters) r.gradients.emplace_back(values.size(), 0.0);
      node.layer->reference_backward(r);
      for (std::size_t in = 0; in < r.diff_srcs.size(); ++in) add(at(gradients_, node.in_edges[in]), r.diff_srcs[in]);
    }
    for (const Node& node : graph_.nodes)
      if (!node.owns_parameters())
        for (std::size_t p = 0; p < node.parameters.size(); ++p)
          add(layers_[static_cast<std::size_t>(node.weights_of)].gradients[p],
              layers_[static_cast<std::size_t>(node.index)].gradients[p]);
  }

  /// What is random in the next passes.
  void draw(std::uint64_t seed, std::int64_t step) {
    for (Reference& r : layers_) {
      r.seed = seed;
      r.step = step;
    }
    if (!graph_.adversaries) return;
    Numbers& noise = at(values_, graph_.adversaries->noise);
    std::vector<float> row(noise.size() / static_cast<std::size_t>(n_));
    for (std::int64_t n = 0; n < n_; ++n) {
      tensor::draw_noise(row, graph_.adversaries->noise_type, seed, step, n);
      std::copy(row.begin(), row.end(), noise.begin() + n * static_cast<std::int64_t>(row.size()));
    }
  }

  /// No cost reads padding. Returns how many rows it reads of an output: steps of examples.
  std::int64_t without_padding(Numbers& cotangent, std::size_t output) const {
    const std::int64_t steps = graph_.rows_per_example(output);
    if (graph_.lengths_of(output) < 0) return n_ * steps;
    const Numbers& lengths = values_[static_cast<std::size_t>(graph_.lengths_of(output))];
    std::int64_t rows = 0;
    for (const double length : lengths) rows += static_cast<std::int64_t>(length);
    for (std::size_t i = 0; i < cotangent.size(); ++i)
      if (static_cast<double>(i % static_cast<std::size_t>(steps)) >= lengths[i / (cotangent.size() / lengths.size())])
        cotangent[i] = 0;
    return rows;
  }

  Numbers& input(std::size_t i = 0) { return at(values_, graph_.inputs[i]); }
  Numbers& predicted_from(std::size_t i = 0) { return at(values_, graph_.predicted_from()[i]); }
  const Numbers& output(std::size_t i = 0) { return at(values_, graph_.outputs[i]); }
  const Numbers& input_gradient(std::size_t i = 0) { return at(gradients_, graph_.inputs[i]); }
  std::vector<Numbers>& parameters(std::size_t node) { return layers_[node].parameters; }
  std::vector<std::vector<Numbers>> gradients() const {
    std::vector<std::vector<Numbers>> all;
    for (const Reference& r : layers_) all.push_back(r.gradients);
    return all;
  }

 private:
  /// While it lives a node has the parameters of the one whose weights it uses.
  class Lender {
   public:
    Lender(ReferenceNetwork& network, const Node& node) {
      if (node.owns_parameters()) return;
      from_ = &network.layers_[static_cast<std::size_t>(node.weights_of)].parameters;
      to_ = &network.layers_[static_cast<std::size_t>(node.index)].parameters;
      *to_ = *from_;
    }
    ~Lender() {
      if (from_ != nullptr) *from_ = *to_;  // statistics have moved
    }

   private:
    std::vector<Numbers>*from_ = nullptr, *to_ = nullptr;
  };

  static Numbers& at(std::vector<Numbers>& list, int edge) { return list[static_cast<std::size_t>(edge)]; }
  static void add(Numbers& to, const Numbers& what) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += what[i];
  }
  std::size_t numbers_of(const TensorSpec& spec) const {
    return static_cast<std::size_t>(n_ * tensor::element_count(spec.shape));
  }

  const Graph& graph_;
  std::int64_t n_;
  std::vector<Numbers> values_, gradients_;  ///< of each edge
  std::vector<Reference> layers_;
};

/// Σ y·t: its gradient is the target itself, so a test chooses what flows back.
class Probe final : public Cost {
 public:
  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += static_cast<double>(y[i]) * t[i];
    return sum / static_cast<double>(rows);
  }
  void gradient(std::span<const float>, std::span<const float> t, std::span<float> dy, std::int64_t,
                std::int64_t) const override {
    std::copy(t.begin(), t.end(), dy.begin());
  }
  double reference_value(std::span<const double>, std::span<const double>) const override { return 0; }
};

inline void expect_near(const std::vector<double>& expected, std::span<const float> got, double tolerance,
                        const std::string& what) {
  ASSERT_EQ(expected.size(), got.size()) << what;
  double largest = 1;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_TRUE(std::isfinite(got[i])) << what << " at " << i;
    worst = std::max(worst, std::abs(expected[i] - got[i]));
  }
  EXPECT_LE(worst, tolerance * largest) << what;
}

/// Values as a checkpoint has them: neon's (rows, columns).
inline std::vector<float> as_exported(const ParameterSpec& spec, const std::vector<double>& values) {
  std::vector<float> result(values.begin(), values.end());
  if (!spec.transposed) return result;
  for (std::int64_t row = 0; row < spec.rows; ++row)
    for (std::int64_t column = 0; column < spec.columns; ++column)
      result[static_cast<std::size_t>(row * spec.columns + column)] =
          static_cast<float>(values[static_cast<std::size_t>(column * spec.rows + row)]);
  return result;
}

/// False for batches that a plan refuses to train on, because statistics would be over one number.
inline bool can_train(const Graph& graph, std::int64_t batch) {
  try {
    check_statistics(graph, batch);
    return true;
  } catch (const base::Error&) {
    return false;
  }
}

/// The parameters of a plan become those of the plain loops.
inline void take_parameters(Plan& plan, ReferenceNetwork& network) {
  auto tensors = plan.export_parameters();
  std::size_t at = 0;
  for (const Node& node : plan.graph().nodes)
    for (std::size_t p = 0; node.owns_parameters() && p < node.parameters.size(); ++p)
      tensors[at++].values =
          as_exported(node.parameters[p], network.parameters(static_cast<std::size_t>(node.index))[p]);
  plan.import_parameters(tensors);
}

/// The gradients of what is learned, and the statistics.
inline void expect_gradients(const Plan& plan, ReferenceNetwork& network,
                             const std::vector<std::vector<ReferenceNetwork::Numbers>>& expected_gradients,
                             double tolerance) {
  const auto gradients = plan.export_gradients();
  const auto after = plan.export_parameters();
  std::size_t gradient = 0, at = 0;
  for (const Node& node : plan.graph().nodes)
    for (std::size_t p = 0; node.owns_parameters() && p < node.parameters.size(); ++p, ++at) {
      const ParameterSpec& spec = node.parameters[p];
      const auto index = static_cast<std::size_t>(node.index);
      const std::vector<double>& expected = spec.trained ? expected_gradients[index][p] : network.parameters(index)[p];
      const NamedTensor& got = spec.trained ? gradients[gradient++] : after[at];
      const auto exported = as_exported(spec, expected);
      expect_near({exported.begin(), exported.end()}, got.values, tolerance, got.name);
    }
}

/// The same as below for two networks that train against each other.
inline void compare_adversaries_with_reference(const Graph& graph, std::int64_t batch, double tolerance,
                                               std::string_view only_kernels) {
  constexpr std::uint64_t kSeed = 3;
  const std::int64_t step = 8 * graph.adversaries->k, generator_step = 8;
  ReferenceNetwork network(graph, batch, 21);
  PlanOptions options;
  options.batch_size = batch;
  options.seed = kSeed;
  options.input_gradient = true;
  options.only_kernels = only_kernels;
  const auto probe = std::make_shared<Probe>();
  options.costs = {{.cost = probe, .name = "Probe", .output = kSaidOfMade, .target = 0},
                   {.cost = probe, .name = "Probe", .output = kSaidOfData, .target = 1},
                   {.cost = probe, .name = "Probe", .output = kSaidOfMade, .target = 2, .of_generator = true}};
  for (int i = 0; i < 3; ++i) options.targets.push_back({"", graph.out_shape(kSaidOfMade)});
  const auto plan = compile(graph, options);
  take_parameters(*plan, network);

  tensor::Batch data;
  data.count = batch;
  std::vector<float> input(network.input().begin(), network.input().end());
  data.inputs = {{tensor::Dtype::f32, tensor::with_rows(batch, graph.sample_shape()), input.data()}};
  std::vector<ReferenceNetwork::Numbers> cotangents;
  std::list<std::vector<float>> targets;
  for (std::size_t i = 0; i < 3; ++i) {
    cotangents.push_back(random_values(static_cast<std::size_t>(batch * graph.out_count(kSaidOfMade)), 5 + i));
    auto& target = targets.emplace_back(cotangents.back().begin(), cotangents.back().end());
    data.targets.push_back({tensor::Dtype::f32, tensor::with_rows(batch, graph.out_shape(kSaidOfMade)), target.data()});
  }

  network.forward(false);
  std::vector<float> noise(network.predicted_from().begin(), network.predicted_from().end());
  const tensor::Shape& noise_shape = graph.spec_of(graph.adversaries->noise).shape;
  plan->infer(tensor::Tensor{tensor::Dtype::f32, tensor::with_rows(batch, noise_shape), noise.data()});
  expect_near(network.output(kMade), plan->output(kMade), tolerance, "what the generator makes");

  const double cost = plan->train_step(data, {.step = step});
  const auto probed = [&](std::size_t output, std::size_t cotangent) {
    double sum = 0;
    for (std::size_t i = 0; i < cotangents[cotangent].size(); ++i)
      sum += cotangents[cotangent][i] * network.output(output)[i] / static_cast<double>(batch);
    return sum;
  };
  const ReferenceNetwork::Numbers nothing(network.output(kMade).size(), 0.0),
      nothing_said(network.output(kSaidOfMade).size(), 0.0);
  network.draw(kSeed, step);
  network.forward(true);
  network.backward({nothing, cotangents[0], cotangents[1]});
  EXPECT_NEAR(cost, probed(kSaidOfMade, 0) + probed(kSaidOfData, 1), 100 * tolerance);
  expect_near(network.input_gradient(), plan->export_input_gradient(), tolerance, "input gradient");
  auto gradients = network.gradients();
  network.draw(generator_seed(kSeed), generator_step);
  network.forward(true,
                  static_cast<std::size_t>(graph.maker_of(kSaidOfMade)->index) + 1);  // the data are not looked at
  network.backward({nothing, cotangents[2], nothing_said});
  ASSERT_TRUE(plan->generator_cost());
  EXPECT_NEAR(*plan->generator_cost(), probed(kSaidOfMade, 2), 100 * tolerance);
  const auto of_generator = network.gradients();
  for (const Node& node : graph.nodes)
    if (graph.adversaries->generates(node.index))
      gradients[static_cast<std::size_t>(node.index)] = of_generator[static_cast<std::size_t>(node.index)];
  expect_gradients(*plan, network, gradients, tolerance);
}

/// Outputs of training and prediction, all gradients and the statistics of a plan against the plain loops.
inline void compare_with_reference(const Graph& graph, std::int64_t batch, double tolerance,
                                   std::string_view only_kernels = {}) {
  if (graph.adversaries) return compare_adversaries_with_reference(graph, batch, tolerance, only_kernels);
  constexpr std::uint64_t kSeed = 3;
  constexpr std::int64_t kStep = 7;
  ReferenceNetwork network(graph, batch, 21, kSeed, kStep);
  PlanOptions options;
  options.batch_size = batch;
  options.seed = kSeed;
  options.input_gradient = graph.spec_of(graph.inputs[0]).dtype == tensor::Dtype::f32;
  options.only_kernels = only_kernels;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    options.costs.push_back({std::make_shared<Probe>(), "Probe", i});
    options.targets.push_back({"", graph.out_shape(i)});
  }
  const auto plan = compile(graph, options);
  take_parameters(*plan, network);

  tensor::Batch data;
  data.count = batch;
  std::list<std::vector<float>> numbers;
  std::list<std::vector<std::int32_t>> indices;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const TensorSpec& spec = graph.spec_of(graph.inputs[i]);
    const auto& values = network.input(i);
    void* at_values = spec.dtype == tensor::Dtype::f32
                          ? static_cast<void*>(numbers.emplace_back(values.begin(), values.end()).data())
                          : static_cast<void*>(indices.emplace_back(values.begin(), values.end()).data());
    data.inputs.push_back({spec.dtype, tensor::with_rows(batch, spec.shape), at_values});
  }
  std::vector<ReferenceNetwork::Numbers> cotangents;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    cotangents.push_back(random_values(static_cast<std::size_t>(batch * graph.out_count(i)), 5 + i));
    auto& target = numbers.emplace_back(cotangents.back().begin(), cotangents.back().end());
    data.targets.push_back({tensor::Dtype::f32, tensor::with_rows(batch, graph.out_shape(i)), target.data()});
  }

  network.forward(false);
  plan->infer(data.inputs);
  for (std::size_t i = 0; i < graph.predicted_count(); ++i)
    expect_near(network.output(i), plan->output(i), tolerance, fmt::format("prediction {}", i));

  TrainingStep which;
  which.step = kStep;
  const double cost = plan->train_step(data, which);
  network.forward(true);
  double expected_cost = 0;
  for (std::size_t o = 0; o < cotangents.size(); ++o) {
    const std::int64_t rows = std::max<std::int64_t>(network.without_padding(cotangents[o], o), 1);
    for (std::size_t i = 0; i < cotangents[o].size(); ++i)
      expected_cost += cotangents[o][i] * network.output(o)[i] / static_cast<double>(rows);
  }
  network.backward(cotangents);
  EXPECT_NEAR(cost, expected_cost, 10 * tolerance * std::max(1.0, std::abs(expected_cost))) << "training output";

  if (options.input_gradient)
    expect_near(network.input_gradient(), plan->export_input_gradient(), tolerance, "input gradient");
  expect_gradients(*plan, network, network.gradients(), tolerance);
}

}  // namespace neon::testing
