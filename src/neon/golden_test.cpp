// Training trajectories that neon 2.6.0's NumPy backend gave for a small network, reproduced batch by batch.
#include <gtest/gtest.h>

#include <numeric>

#include "neon/plan.h"
#include "neon/testing/numpy_random.h"

namespace neon {
namespace {

constexpr std::int64_t kRecords = 320, kFeatures = 48, kClasses = 4, kBatch = 64;

struct Data {
  std::vector<float> x;
  std::vector<std::int32_t> labels;
};

Data make_data() {
  testing::NumpyRandom random(1234);
  Data data;
  for (std::int64_t i = 0; i < kRecords * kFeatures; ++i) data.x.push_back(static_cast<float>(random.uniform()));
  std::vector<double> w(kFeatures * kClasses);
  for (double& value : w) value = random.normal();
  for (std::int64_t n = 0; n < kRecords; ++n) {
    std::array<double, kClasses> score{};
    for (std::int64_t f = 0; f < kFeatures; ++f)
      for (std::int64_t c = 0; c < kClasses; ++c)
        score[c] += static_cast<double>(data.x[n * kFeatures + f]) * w[f * kClasses + c];
    data.labels.push_back(static_cast<std::int32_t>(std::max_element(score.begin(), score.end()) - score.begin()));
  }
  return data;
}

tensor::Batch batch_of(Data& data, std::int64_t index) {
  return {{{tensor::Dtype::f32, {kBatch, 3, 4, 4}, data.x.data() + index * kBatch * kFeatures}},
          {{tensor::Dtype::i32, {kBatch}, data.labels.data() + index * kBatch}},
          kBatch};
}

struct Golden {
  std::string_view name, optimizer;
  std::array<double, 10> costs;
  double sum, absolute_sum, misclassification;
  friend std::ostream& operator<<(std::ostream& out, const Golden& golden) { return out << golden.optimizer; }
};

class GoldenTrajectory : public ::testing::TestWithParam<Golden> {};

TEST_P(GoldenTrajectory, IsReproduced) {
  const Golden& golden = GetParam();
  ModelSpec spec;
  const auto part = [](std::string_view json) { return Part::from_json(base::parse_json(json, "test"), ""); };
  spec.layers = {
      part(R"({"type": "Affine", "config": {"nout": 16, "init": {"type": "Gaussian", "config": {"scale": 0.1}},
                         "bias": {"type": "Constant"}, "activation": "Rectlin"}})"),
      part(R"({"type": "Affine", "config": {"nout": 4, "init": {"type": "Gaussian", "config": {"scale": 0.1}},
                         "bias": {"type": "Constant"}, "activation": "Softmax"}})")};
  PlanOptions options;
  options.batch_size = kBatch;
  options.costs = {{Shelf<Cost>::instance().make(part(R"("CrossEntropyMulti")"))}};
  options.optimizer = Shelf<Optimizer>::instance().make(part(golden.optimizer));
  const auto plan = compile(build_graph(spec, {3, 4, 4}), options);

  // The reference drew the last layer's weights first.
  testing::NumpyRandom random(0);
  auto weights = plan->export_parameters();
  ASSERT_EQ(weights[0].name, "Linear_0/W");
  ASSERT_EQ(weights[2].name, "Linear_1/W");
  weights[2].values = random.normals(4 * 16, 0.1);
  weights[0].values = random.normals(16 * kFeatures, 0.1);
  plan->import_parameters(weights);

  Data data = make_data();
  TrainingStep which;
  which.step = 0;
  for (std::int64_t i = 0; i < 10; ++i) {
    which.epoch = i / 5;
    ++which.step;
    EXPECT_NEAR(plan->train_step(batch_of(data, i % 5), which), golden.costs[static_cast<std::size_t>(i)], 1e-5)
        << "batch " << i;
  }

  const auto trained = plan->export_parameters()[0].values;
  EXPECT_NEAR(std::accumulate(trained.begin(), trained.end(), 0.0), golden.sum, 2e-4);
  EXPECT_NEAR(
      std::accumulate(trained.begin(), trained.end(), 0.0, [](double sum, float w) { return sum + std::abs(w); }),
      golden.absolute_sum, 2e-4);

  std::int64_t wrong = 0;
  for (std::int64_t b = 0; b < 5; ++b) {
    const auto y = plan->infer(batch_of(data, b).input());
    for (std::int64_t n = 0; n < kBatch; ++n) {
      const auto row = y.subspan(static_cast<std::size_t>(n * kClasses), kClasses);
      wrong += std::max_element(row.begin(), row.end()) - row.begin() !=
               data.labels[static_cast<std::size_t>(b * kBatch + n)];
    }
  }
  EXPECT_DOUBLE_EQ(static_cast<double>(wrong) / kRecords, golden.misclassification);
}

INSTANTIATE_TEST_SUITE_P(
    Neon, GoldenTrajectory,
    ::testing::Values(
        Golden{"Momentum",
               R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 0.1, "momentum_coef": 0.9}})",
               {1.341434, 1.280937, 1.167941, 1.126144, 1.045063, 0.882237, 0.853219, 0.779701, 1.044165, 0.880805},
               0.474359,
               63.232837,
               .328125},
        Golden{"NesterovDecayClip",
               R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 0.1, "momentum_coef": 0.9,
                   "wdecay": 0.001, "nesterov": true, "gradient_clip_norm": 1}})",
               {1.341434, 1.233343, 1.073242, 1.067300, 1.018251, 0.849257, 0.809082, 0.745713, 0.975037, 0.859237},
               1.009247,
               63.033725,
               .340625},
        Golden{"RMSProp",
               R"("RMSProp")",
               {1.341434, 1.260689, 1.187847, 1.201629, 1.162035, 1.080824, 1.028567, 0.963386, 1.073468, 1.040899},
               3.491710,
               62.188304,
               .340625},
        Golden{"Adam",
               R"("Adam")",
               {1.341434, 1.325651, 1.313385, 1.329707, 1.321843, 1.296717, 1.282506, 1.268294, 1.295302, 1.284679},
               -4.210651,
               60.910089,
               .353125}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace neon
