// What costs, metrics and targets make of sequences: a row for each step of each example.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "neon/testing/reference_network.h"

namespace neon {
namespace {

constexpr std::int64_t kBatch = 4, kFeatures = 3, kClasses = 5, kSteps = 6;

Part part(std::string_view json) { return Part::from_json(base::parse_json(json, "test"), ""); }

Graph softmax_of_each_step() {
  ModelSpec spec;
  spec.layers = {
      part(
          R"({"type": "Affine", "config": {"nout": 8, "init": "GlorotUniform", "batch_norm": true, "activation": "Tanh"}})"),
      part(R"({"type": "Dropout", "config": {"keep": 0.8}})"),
      part(
          R"({"type": "Affine", "config": {"nout": 5, "init": "GlorotUniform", "bias": "Uniform", "activation": "Softmax"}})")};
  return build_graph(spec, {kFeatures, kSteps});
}

std::shared_ptr<const Cost> cross_entropy() {
  return Shelf<Cost>::instance().find("CrossEntropyMulti", "").make({}, "");
}

std::unique_ptr<Plan> plan_for(const Graph& graph, const std::vector<tensor::Column>& targets) {
  PlanOptions options;
  options.batch_size = kBatch;
  options.costs = {{cross_entropy(), "CrossEntropyMulti", 0}};
  options.targets = targets;
  return compile(graph, options);
}

/// A batch with class indices (n, t), or the same as one-hot numbers (n, classes, t).
struct Data {
  std::vector<float> x, one_hot;
  std::vector<std::int32_t> classes;
  Data() : x(kBatch * kFeatures * kSteps), one_hot(kBatch * kClasses * kSteps), classes(kBatch * kSteps) {
    const auto values = testing::random_values(x.size(), 4);
    std::copy(values.begin(), values.end(), x.begin());
    for (std::size_t i = 0; i < classes.size(); ++i) {
      classes[i] = static_cast<std::int32_t>(i * 7 % kClasses);
      one_hot[(i / kSteps * kClasses + static_cast<std::size_t>(classes[i])) * kSteps + i % kSteps] = 1;
    }
  }
  tensor::Batch batch(bool dense, std::int64_t count = kBatch) {
    tensor::Batch batch;
    batch.inputs = {{tensor::Dtype::f32, {kBatch, kFeatures, kSteps}, x.data()}};
    batch.targets = {dense ? tensor::Tensor{tensor::Dtype::f32, {kBatch, kClasses, kSteps}, one_hot.data()}
                           : tensor::Tensor{tensor::Dtype::i32, {kBatch, kSteps}, classes.data()}};
    batch.count = count;
    return batch;
  }
};

/// -Σ log of the probability of each step's class, over the first `count` examples, per step.
double expected_cost(std::span<const float> outputs, const Data& data, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count * kSteps; ++i)
    sum -= std::log(outputs[static_cast<std::size_t>(
        (i / kSteps * kClasses + data.classes[static_cast<std::size_t>(i)]) * kSteps + i % kSteps)]);
  return sum / static_cast<double>(count * kSteps);
}

TEST(Sequences, NetworkOfEachStepAgreesWithPlainLoops) {
  testing::compare_with_reference(softmax_of_each_step(), 4, 2e-5);
  testing::compare_with_reference(softmax_of_each_step(), 4, 2e-5, tensor::kPlainLoops);
}

TEST(Sequences, CostIsTheMeanOverExamplesAndSteps) {
  Data data;
  const auto plan = plan_for(softmax_of_each_step(), {});
  for (const std::int64_t count : {kBatch, kBatch - 1}) {
    const auto got = plan->compare(data.batch(false, count));
    EXPECT_EQ(got.rows, count * kSteps);
    EXPECT_EQ(got.columns, kClasses);
    EXPECT_NEAR(got.cost, expected_cost(plan->output(0), data, count), 1e-5);
    for (std::int64_t row = 0; row < got.rows; ++row)  // what is compared belongs together
      EXPECT_EQ(got.targets[static_cast<std::size_t>(row * kClasses + data.classes[static_cast<std::size_t>(row)])], 1);
  }
}

TEST(Sequences, ClassesAndOneHotTargetsTrainAlike) {
  Data data;
  const auto by_class = plan_for(softmax_of_each_step(), {});
  const auto by_number = plan_for(softmax_of_each_step(), {{"", {kClasses, kSteps}}});
  EXPECT_EQ(by_class->train_step(data.batch(false), {}), by_number->train_step(data.batch(true), {}));
  const auto a = by_class->export_gradients(), b = by_number->export_gradients();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].values, b[i].values) << a[i].name;
}

TEST(Sequences, TrainingOnAClassOfEachStepLearnsIt) {
  Data data;
  PlanOptions options;
  options.batch_size = kBatch;
  options.costs = {{cross_entropy(), "CrossEntropyMulti", 0}};
  options.optimizer = Shelf<Optimizer>::instance().make(
      part(R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 0.1, "momentum_coef": 0.9}})"));
  ModelSpec spec;
  spec.layers = {
      part(R"({"type": "Affine", "config": {"nout": 48, "init": "GlorotUniform", "activation": "Tanh"}})"),
      part(
          R"({"type": "Affine", "config": {"nout": 5, "init": "GlorotUniform", "bias": "Uniform", "activation": "Softmax"}})")};
  const auto plan = compile(build_graph(spec, {kFeatures, kSteps}), options);
  TrainingStep which;
  double first = 0, last = 0;
  for (int step = 1; step <= 300; ++step) {
    which.step = step;
    last = plan->train_step(data.batch(false), which);
    if (step == 1) first = last;
  }
  EXPECT_LT(last, 0.5 * first);
}

TEST(Sequences, ClassOfAStepOutOfRangeIsNamed) {
  Data data;
  data.classes[7] = kClasses;
  const auto plan = plan_for(softmax_of_each_step(), {});
  try {
    plan->train_step(data.batch(false), {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(error.message.find("class index 5 in the data is outside 0 to 4"), std::string::npos) << error.message;
  }
}

}  // namespace
}  // namespace neon
