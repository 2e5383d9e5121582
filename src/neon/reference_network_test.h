#pragma once
// A whole network in plain double loops, and its comparison with a plan.
#include <gtest/gtest.h>

#include <cmath>

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

class ReferenceNetwork {
 public:
  ReferenceNetwork(const Graph& graph, std::int64_t n, std::uint64_t seed, std::uint64_t dropout_seed = 0,
                   std::int64_t step = 1)
      : graph_(graph),
        input_(random_values(static_cast<std::size_t>(n * tensor::element_count(graph.sample_shape)), seed)) {
    for (const Node& node : graph.nodes) {
      Reference r;
      r.n = n;
      r.in = node.in;
      r.out = node.out;
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

  void forward(bool training) {
    const std::vector<double>* src = &input_;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      Reference& r = layers_[i];
      r.training = training;
      r.src = *src;
      r.dst.assign(static_cast<std::size_t>(r.n * tensor::element_count(r.out)), 0.0);
      graph_.nodes[i].layer->reference_forward(r);
      src = &r.dst;
    }
  }

  void backward(const std::vector<double>& cotangent) {
    const std::vector<double>* diff = &cotangent;
    for (std::size_t i = layers_.size(); i-- > 0;) {
      Reference& r = layers_[i];
      r.diff_dst = *diff;
      r.diff_src.assign(r.src.size(), 0.0);
      r.gradients.clear();
      for (const auto& values : r.parameters) r.gradients.emplace_back(values.size(), 0.0);
      graph_.nodes[i].layer->reference_backward(r);
      diff = &r.diff_src;
    }
  }

  std::vector<double>& input() { return input_; }
  const std::vector<double>& output() const { return layers_.back().dst; }
  const std::vector<double>& input_gradient() const { return layers_.front().diff_src; }
  std::vector<std::vector<double>>& parameters(std::size_t node) { return layers_[node].parameters; }
  std::vector<std::vector<std::vector<double>>> gradients() const {
    std::vector<std::vector<std::vector<double>>> all;
    for (const Reference& r : layers_) all.push_back(r.gradients);
    return all;
  }

 private:
  const Graph& graph_;
  std::vector<double> input_;
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

/// Outputs of training and prediction, all gradients and the statistics of a plan against the plain loops.
inline void compare_with_reference(const Graph& graph, std::int64_t batch, double tolerance,
                                   std::string_view only_kernels = {}) {
  constexpr std::uint64_t kSeed = 3;
  constexpr std::int64_t kStep = 7;
  ReferenceNetwork network(graph, batch, 21, kSeed, kStep);
  PlanOptions options;
  options.batch_size = batch;
  options.seed = kSeed;
  options.cost = std::make_shared<Probe>();
  options.target_shape = graph.out_shape();
  options.input_gradient = true;
  options.only_kernels = only_kernels;
  const auto plan = compile(graph, options);
  auto tensors = plan->export_parameters();
  std::size_t at = 0;
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    for (std::size_t p = 0; p < graph.nodes[node].parameters.size(); ++p)
      tensors[at++].values = as_exported(graph.nodes[node].parameters[p], network.parameters(node)[p]);
  plan->import_parameters(tensors);

  std::vector<float> input(network.input().begin(), network.input().end());
  const auto cotangent = random_values(static_cast<std::size_t>(batch * graph.out_count()), 5);
  std::vector<float> target(cotangent.begin(), cotangent.end());
  tensor::Batch data;
  data.input = {tensor::Dtype::f32, {batch}, input.data()};
  data.input.shape.insert(data.input.shape.end(), graph.sample_shape.begin(), graph.sample_shape.end());
  data.target = {tensor::Dtype::f32, {batch, graph.out_count()}, target.data()};
  data.count = batch;

  network.forward(false);
  expect_near(network.output(), plan->infer(data.input), tolerance, "prediction");

  StepScalars scalars;
  scalars.step = kStep;
  const double cost = plan->train_step(data, scalars);
  network.forward(true);
  network.backward(cotangent);
  double expected_cost = 0;
  for (std::size_t i = 0; i < cotangent.size(); ++i)
    expected_cost += cotangent[i] * network.output()[i] / static_cast<double>(batch);
  EXPECT_NEAR(cost, expected_cost, 10 * tolerance * std::max(1.0, std::abs(expected_cost))) << "training output";

  expect_near(network.input_gradient(), plan->export_input_gradient(), tolerance, "input gradient");
  const auto gradients = plan->export_gradients();
  const auto expected_gradients = network.gradients();
  const auto after = plan->export_parameters();
  std::size_t gradient = 0;
  at = 0;
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    for (std::size_t p = 0; p < graph.nodes[node].parameters.size(); ++p, ++at) {
      const ParameterSpec& spec = graph.nodes[node].parameters[p];
      const std::vector<double>& expected = spec.trained ? expected_gradients[node][p] : network.parameters(node)[p];
      const NamedTensor& got = spec.trained ? gradients[gradient++] : after[at];
      const auto exported = as_exported(spec, expected);
      expect_near({exported.begin(), exported.end()}, got.values, tolerance, got.name);
    }
}

}  // namespace neon::testing
