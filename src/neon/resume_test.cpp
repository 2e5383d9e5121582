// A training that stops anywhere and goes on from a checkpoint ends with the same bits as one that ran straight
// through: every update rule, every layer with its registered cases, sums of gradients, averages of weights.
#include <gmock/gmock.h>

#include <list>

#include "base/error.h"
#include "base/files.h"
#include "neon/predictor.h"
#include "neon/shelf_configs_test.h"
#include "neon/testing/layer_inputs.h"
#include "neon/testing/reference_network.h"
#include "neon/testing/small_training.h"

namespace neon {
namespace {

using namespace testing;
using ::testing::HasSubstr;

/// Everything that is kept after the last step.
void expect_same_end(const Checkpoint& a, const Checkpoint& b) {
  EXPECT_TRUE(same_bits(a.parameters, b.parameters)) << "parameters";
  EXPECT_TRUE(same_bits(a.optimizer_states, b.optimizer_states)) << "optimizer states";
  EXPECT_TRUE(same_bits(a.averages, b.averages)) << "averages";
  EXPECT_EQ(base::to_text(base::encode(a.position)), base::to_text(base::encode(b.position)));
  ASSERT_EQ(a.callbacks.size(), b.callbacks.size());
  for (std::size_t i = 0; i < a.callbacks.size(); ++i) {
    EXPECT_EQ(base::to_text(a.callbacks[i].state.values), base::to_text(b.callbacks[i].state.values));
    EXPECT_TRUE(same_bits(a.callbacks[i].state.tensors, b.callbacks[i].state.tensors)) << "state of a callback";
  }
}

/// What comes back from the file that a checkpoint is written to.
Checkpoint through_a_file(Checkpoint checkpoint, const ModelSpec& spec) {
  const base::TemporaryFolder folder;
  checkpoint.spec = spec;
  if (checkpoint.spec.metric.type.empty()) checkpoint.spec.metric = part(R"("Misclassification")");
  write_checkpoint(checkpoint, folder.path() / "checkpoint");
  return read_checkpoint(folder.path() / "checkpoint");
}

struct Way {
  std::string optimizer;
  std::int64_t batches_per_update = 1;
  bool averages = false;
  friend std::ostream& operator<<(std::ostream& out, const Way& way) {
    return out << way.optimizer << " " << way.batches_per_update << (way.averages ? " averages" : "");
  }
};

class Resume : public ::testing::TestWithParam<Way> {};

TEST_P(Resume, StoppingAnywhereChangesNoBitOfTheResult) {
  ModelSpec spec = spec_with(GetParam().optimizer);
  spec.batches_per_update = GetParam().batches_per_update;
  if (GetParam().averages) spec.weight_average = WeightAverage{.decay = 0.9};
  TrainerOptions options;
  options.epochs = 3;
  Records data(50, 16), test(20, 16);  // 4 batches an epoch, the last one wraps

  const auto straight_plan = plan_for(spec, 16);
  Listener straight;
  Trainer trainer(*straight_plan, data, &test, nullptr, options);
  EXPECT_EQ(trainer.run(straight, straight.stop), Trainer::Outcome::completed);

  for (const std::int64_t stop_after : {1, 4, 6, 11}) {
    SCOPED_TRACE(stop_after);
    const auto first_plan = plan_for(spec, 16);
    Listener first(stop_after);
    Trainer before(*first_plan, data, &test, nullptr, options);
    EXPECT_EQ(before.run(first, first.stop), Trainer::Outcome::stopped);
    EXPECT_EQ(first.checkpoints.back().position.step, stop_after);

    const auto second_plan = plan_for(spec, 16);
    Listener second;
    Trainer after(*second_plan, data, &test, nullptr, options);
    after.resume(through_a_file(first.checkpoints.back(), spec));
    EXPECT_EQ(after.run(second, second.stop), Trainer::Outcome::completed);

    expect_same_end(straight.checkpoints.back(), second.checkpoints.back());
    EXPECT_EQ(straight.epochs.back().cost, second.epochs.back().cost);
    EXPECT_EQ(straight.epochs.back().eval_cost, second.epochs.back().eval_cost);
  }
}

/// Every member of the shelf, and the ways that only some of its options take.
std::vector<Way> ways() {
  std::vector<std::string> optimizers{std::string(kMomentum), std::string(kClipped)};
  const Samples samples{{"learning_rate", {"0.05"}},
                        {"optimizer", {R"("Adam")"}},
                        {"optimizer_mapping", {R"({"default": "Adam", "Bias": "RMSProp"})"}}};
  for (const Part& part : least_configurations<Optimizer>(samples)) optimizers.push_back(base::to_text(part.to_json()));
  std::vector<Way> all;
  for (const std::string& optimizer : optimizers) {
    all.push_back({optimizer});
    all.push_back({optimizer, 3, true});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Resume, ::testing::ValuesIn(ways()));

struct LayerToResume {
  std::string layer;
  LayerCase registered;
  friend std::ostream& operator<<(std::ostream& out, const LayerToResume& c) {
    return out << c.layer << " " << c.registered.config << " " << tensor::text(c.registered.in);
  }
};

/// Batches for any inputs and outputs, each a function of its number alone.
class AnyBatches {
 public:
  AnyBatches(const Graph& graph, std::int64_t batch_size) : graph_(graph), batch_size_(batch_size) {}

  tensor::Batch batch(std::uint64_t number) {
    numbers_.clear();
    indices_.clear();
    tensor::Batch batch;
    batch.count = batch_size_;
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
      const TensorSpec& spec = graph_.spec_of(graph_.inputs[i]);
      auto values = values_for(spec.shape, number * 100 + i);
      if (spec.dtype == tensor::Dtype::f32) {
        batch.inputs.push_back(as_tensor(numbers_.emplace_back(values.begin(), values.end()), spec.shape));
        continue;
      }
      auto& whole = indices_.emplace_back();
      for (const double value : values) whole.push_back(static_cast<std::int32_t>(std::abs(value) * 1.7));
      batch.inputs.push_back({spec.dtype, tensor::with_rows(batch_size_, spec.shape), whole.data()});
    }
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      const auto values = values_for(graph_.out_shape(i), number * 100 + 50 + i);
      batch.targets.push_back(as_tensor(numbers_.emplace_back(values.begin(), values.end()), graph_.out_shape(i)));
    }
    return batch;
  }

 private:
  std::vector<double> values_for(const tensor::Shape& shape, std::uint64_t seed) const {
    return random_values(static_cast<std::size_t>(batch_size_ * tensor::element_count(shape)), seed);
  }
  tensor::Tensor as_tensor(std::vector<float>& values, const tensor::Shape& shape) const {
    return {tensor::Dtype::f32, tensor::with_rows(batch_size_, shape), values.data()};
  }

  const Graph& graph_;
  std::int64_t batch_size_;
  std::list<std::vector<float>> numbers_;
  std::list<std::vector<std::int32_t>> indices_;
};

class ResumeLayer : public ::testing::TestWithParam<LayerToResume> {};

TEST_P(ResumeLayer, WhatItKeepsBetweenStepsIsInTheCheckpoint) {
  const LayerCase& c = GetParam().registered;
  ModelSpec spec;
  spec.layers = {Part{GetParam().layer, base::parse_json(c.config, "config").get_object(), ""}};
  const Graph graph = build_graph(spec, testing::inputs_of(c));
  PlanOptions options;
  options.batch_size = 4;
  options.threads = 1;
  options.seed = 8;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    options.costs.push_back({Shelf<Cost>::instance().make(part(R"("SumSquared")")), "SumSquared", i});
    options.targets.push_back({"", graph.out_shape(i)});
  }
  if (graph.adversaries) {
    CostTerm generator = options.costs[kSaidOfMade];
    generator.of_generator = true;
    options.costs.push_back(generator);
  }
  options.optimizer = Shelf<Optimizer>::instance().make(
      part(R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 0.001, "momentum_coef": 0.9}})"));
  AnyBatches batches(graph, options.batch_size);
  const auto train = [&](Plan& plan, std::int64_t first, std::int64_t last) {
    std::vector<double> costs;
    for (std::int64_t step = first; step <= last; ++step)
      costs.push_back(plan.train_step(batches.batch(static_cast<std::uint64_t>(step)), {.step = step}));
    return costs;
  };
  const auto straight = compile(graph, options), before = compile(graph, options), after = compile(graph, options);
  const std::vector<double> costs = train(*straight, 1, 5);
  train(*before, 1, 2);
  if (!graph.adversaries)                     // which predict from noise
    before->infer(batches.batch(77).inputs);  // an evaluation before the checkpoint leaves nothing behind either
  after->import_parameters(before->export_parameters());
  after->import_optimizer_states(before->export_optimizer_states());
  EXPECT_EQ(train(*after, 3, 5), std::vector<double>(costs.begin() + 2, costs.end()));
  EXPECT_TRUE(same_bits(straight->export_parameters(), after->export_parameters()));
  EXPECT_TRUE(same_bits(straight->export_optimizer_states(), after->export_optimizer_states()));
}

std::vector<LayerToResume> layers_to_resume() {
  std::vector<LayerToResume> all;
  for (const auto& [name, member] : Shelf<GraphPart>::instance().members())
    for (const LayerCase& c : member.cases()) all.push_back({std::string(name), c});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Layers, ResumeLayer, ::testing::ValuesIn(layers_to_resume()));

/// One plan after so many epochs.
std::unique_ptr<Plan> trained(const ModelSpec& spec, std::int64_t batch_size, Listener& listener, std::int64_t epochs,
                              tensor::BatchSource* eval = nullptr) {
  Records data(48, batch_size);
  auto plan = plan_for(spec, batch_size);
  TrainerOptions options;
  options.epochs = epochs;
  Trainer(*plan, data, eval, nullptr, options).run(listener, listener.stop);
  return plan;
}

ModelSpec dense(std::string_view optimizer) {
  ModelSpec spec = spec_with(optimizer);
  spec.layers = {
      part(
          R"({"type": "Affine", "config": {"nout": 12, "init": "GlorotUniform", "bias": "Constant", "activation": "Tanh"}})"),
      part(
          R"({"type": "Affine", "config": {"nout": 4, "init": "GlorotUniform", "bias": "Constant", "activation": "Softmax"}})")};
  return spec;
}

TEST(BatchesPerUpdate, TrainAsOneLargeBatch) {
  for (const std::string_view optimizer : {kMomentum, kClipped, std::string_view(R"("Adam")")}) {
    SCOPED_TRACE(optimizer);
    ModelSpec spec = dense(optimizer);
    Listener large_listener, small_listener;
    const auto large = trained(spec, 16, large_listener, 2);
    spec.batches_per_update = 4;
    const auto small = trained(spec, 4, small_listener, 2);
    const auto expected = large->export_parameters(), got = small->export_parameters();
    for (std::size_t t = 0; t < expected.size(); ++t)
      for (std::size_t i = 0; i < expected[t].values.size(); ++i)
        EXPECT_NEAR(expected[t].values[i], got[t].values[i], 2e-5) << expected[t].name;
    EXPECT_EQ(large_listener.checkpoints.back().position.updates, 6);
    EXPECT_EQ(small_listener.checkpoints.back().position.updates, 6);
    EXPECT_EQ(small_listener.checkpoints.back().position.step, 24);
  }
}

TEST(BatchesPerUpdate, AnEpochEndsWithAnUpdateOfWhatIsLeft) {
  ModelSpec spec = dense(kMomentum);
  spec.batches_per_update = 5;  // of 3 batches an epoch
  Listener whole, listener;
  const auto plan = trained(spec, 16, listener, 2);
  EXPECT_EQ(listener.checkpoints.back().position.updates, 2);
  spec.batches_per_update = 3;
  EXPECT_TRUE(same_bits(plan->export_parameters(), trained(spec, 16, whole, 2)->export_parameters()));
}

TEST(BatchesPerUpdate, WithinASumAnotherBatchSizeIsRefused) {
  ModelSpec spec = dense(kMomentum);
  spec.batches_per_update = 3;
  Records data(64, 16), other_data(64, 8);
  const auto plan = plan_for(spec, 16), other = plan_for(spec, 8);
  Listener listener(1);
  Trainer(*plan, data, nullptr, nullptr, {}).run(listener, listener.stop);
  ASSERT_EQ(listener.checkpoints.back().position.summed, 1);
  try {
    Trainer(*other, other_data, nullptr, nullptr, {}).resume(listener.checkpoints.back());
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message, HasSubstr("within the sum of gradients"));
  }
}

/// Keeps the weights after every step.
class Steps final : public TrainingEvents {
 public:
  explicit Steps(Plan& plan) : plan_(plan) {}
  void on_step(const StepEvent&) override { weights.push_back(plan_.export_parameters()); }
  std::vector<std::vector<NamedTensor>> weights;
  std::atomic<bool> stop = false;

 private:
  Plan& plan_;
};

TEST(WeightAverage, IsTheExponentialMeanOfTheWeightsAfterEachUpdate) {
  constexpr double kDecay = 0.8;
  ModelSpec spec = dense(kMomentum);
  spec.weight_average = WeightAverage{.decay = kDecay};
  Records data(48, 16);
  const auto plan = plan_for(spec, 16);
  Steps steps(*plan);
  TrainerOptions options;
  options.epochs = 2;
  Trainer(*plan, data, nullptr, nullptr, options).run(steps, steps.stop);
  const auto averages = plan->export_averages();
  ASSERT_EQ(averages.size(), 4u);
  const std::size_t t = steps.weights.size();
  ASSERT_EQ(t, 6u);
  for (std::size_t p = 0; p < averages.size(); ++p)
    for (std::size_t i = 0; i < averages[p].values.size(); ++i) {
      double sum = 0, all = 0;
      for (std::size_t s = 0; s < t; ++s) {
        const double share = std::pow(kDecay, static_cast<double>(t - 1 - s));
        sum += share * steps.weights[s][p].values[i];
        all += share;
      }
      EXPECT_NEAR(averages[p].values[i], sum / all, 1e-6) << averages[p].name;
    }
}

TEST(WeightAverage, EvaluationsAndPredictionsUseItWhenAsked) {
  ModelSpec spec = spec_with(kMomentum);
  Records test(20, 16), same(20, 16);
  Listener plain, evaluated, kept;
  const auto newest = trained(spec, 16, plain, 2, &test);
  spec.weight_average = WeightAverage{.decay = 0.9};
  const auto averaged = trained(spec, 16, evaluated, 2, &test);
  EXPECT_TRUE(same_bits(newest->export_parameters(), averaged->export_parameters()));
  EXPECT_NE(*plain.epochs.back().eval_cost, *evaluated.epochs.back().eval_cost);

  Checkpoint checkpoint = through_a_file(evaluated.checkpoints.back(), spec);
  EXPECT_TRUE(same_bits(parameters_of(checkpoint, Weights::newest), newest->export_parameters()));
  const auto by_average = plan_for(spec_with(kMomentum), 16);
  by_average->import_parameters(parameters_of(checkpoint));
  EXPECT_EQ(evaluate(*by_average, same, {}, false)->cost, *evaluated.epochs.back().eval_cost);

  spec.weight_average->evaluate = false;
  trained(spec, 16, kept, 2, &test);
  EXPECT_EQ(*plain.epochs.back().eval_cost, *kept.epochs.back().eval_cost);
  checkpoint = through_a_file(kept.checkpoints.back(), spec);
  EXPECT_TRUE(same_bits(parameters_of(checkpoint), newest->export_parameters()));
  EXPECT_TRUE(same_bits(parameters_of(checkpoint, Weights::average), by_average->export_parameters()));
  checkpoint.averages.clear();
  EXPECT_THROW(parameters_of(checkpoint, Weights::average), base::Error);
}

}  // namespace
}  // namespace neon
