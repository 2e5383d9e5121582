#include "neon/adversaries.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "neon/predictor.h"
#include "neon/trainer.h"

namespace neon {
namespace {

using ::testing::HasSubstr;

/// neon's rule, step by step.
TEST(Adversaries, TrainTheGeneratorAsOftenAsTheScheduleSays) {
  for (const bool sparse : {false, true})
    for (const std::int64_t k : {1, 3, 5}) {
      const Adversaries game{.k = k, .sparse_start = sparse};
      std::int64_t trained = 0, last = 0;
      for (std::int64_t step = 1; step < 12'000; ++step) {
        const bool many = sparse && (trained < 25 || trained % 500 == 0);
        if (step == last + (many ? 100 : k)) {
          ++trained;
          last = step;
        }
        ASSERT_EQ(game.generator_steps(step), trained) << "k " << k << ", step " << step;
      }
    }
}

constexpr std::string_view kNetworks = R"({"noise_dim": 3, "k": 2, "wgan_param_clamp": CLAMP,
  "generator": [{"type": "Affine", "config": {"nout": 6, "init": "GlorotUniform", "bias": "Constant", "activation": "Tanh"}},
                {"type": "Affine", "config": {"nout": 4, "init": "GlorotUniform", "bias": "Constant"}}],
  "discriminator": [{"type": "Affine", "config": {"nout": 5, "init": "GlorotUniform", "bias": "Constant", "activation": {"type": "Rectlin", "config": {"slope": 0.2}}}},
                    {"type": "Affine", "config": {"nout": 1, "init": "GlorotUniform", "bias": "Constant" ACTIVATION}}]})";

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  return text.replace(text.find(what), what.size(), by);
}

ModelSpec game_spec(std::string_view func, std::string_view optimizer) {
  const bool wasserstein = func == "wasserstein";
  ModelSpec spec;
  const std::string networks = replaced(replaced(std::string(kNetworks), "CLAMP", wasserstein ? "0.3" : "null"),
                                        "ACTIVATION", wasserstein ? "" : R"(, "activation": "Logistic")");
  spec.layers = {Part{"GenerativeAdversarial", base::parse_json(networks, "networks").get_object(), "/layers/0"}};
  spec.cost = Part::from_json(
      base::parse_json(
          fmt::format(
              R"({{"type": "GeneralizedGANCost", "config": {{"costfunc": {{"type": "GANCost", "config": {{"func": "{}"}}}}}}}})",
              func),
          "cost"),
      "/cost");
  spec.optimizer = Part::from_json(base::parse_json(optimizer, "optimizer"), "/optimizer");
  spec.metric = Part{"Misclassification", {}, "/metric"};
  return spec;
}

std::unique_ptr<Plan> plan_of(const ModelSpec& spec, std::int64_t batch_size) {
  const Graph graph = build_graph(spec, {4});
  PlanOptions options;
  options.batch_size = batch_size;
  options.threads = 1;
  options.seed = 9;
  options.costs = cost_terms(spec.cost, graph);
  options.optimizer = Shelf<Optimizer>::instance().make(spec.optimizer);
  return compile(graph, options);
}

/// Points around (2, -1, 0.5, 0), a function of epoch and place; with classes that nobody reads.
class Points final : public tensor::BatchSource {
 public:
  Points(std::int64_t count, std::int64_t batch_size)
      : numbers_(static_cast<std::size_t>(batch_size) * 4), classes_(static_cast<std::size_t>(batch_size)) {
    info_.inputs = {{"", {4}}};
    info_.targets = {{"", {}, tensor::Dtype::i32}};
    info_.record_count = count;
    info_.batch_size = batch_size;
    batch_.count = batch_size;
    batch_.inputs = {{tensor::Dtype::f32, {batch_size, 4}, numbers_.data()}};
    batch_.targets = {{tensor::Dtype::i32, {batch_size}, classes_.data()}};
  }
  const tensor::SourceInfo& info() const override { return info_; }
  void seek(std::int64_t epoch, std::int64_t batch) override {
    epoch_ = epoch;
    next_ = batch;
  }
  const tensor::Batch* next() override {
    if (next_ >= info_.batches_per_epoch()) return nullptr;
    base::Random random(static_cast<std::uint64_t>(epoch_), static_cast<std::uint64_t>(next_++));
    constexpr double kCentre[] = {2, -1, 0.5, 0};
    for (std::size_t i = 0; i < numbers_.size(); ++i)
      numbers_[i] = static_cast<float>(kCentre[i % 4] + 0.3 * random.normal());
    return &batch_;
  }

 private:
  std::int64_t epoch_ = 0, next_ = 0;
  tensor::SourceInfo info_;
  std::vector<float> numbers_;
  std::vector<std::int32_t> classes_;
  tensor::Batch batch_;
};

constexpr std::string_view kAdam = R"({"type": "Adam", "config": {"learning_rate": 0.01, "beta_1": 0.5}})";
constexpr std::string_view kRmsProp = R"({"type": "RMSProp", "config": {"learning_rate": 0.01, "decay_rate": 0.9}})";

class Keeper final : public TrainingEvents {
 public:
  explicit Keeper(std::int64_t stop_after = -1) : stop_after_(stop_after) {}
  void on_step(const StepEvent& event) override { stop = event.step == stop_after_; }
  void on_epoch(const EpochEvent& event) override { epochs.push_back(event); }
  void on_checkpoint(const Trainer& trainer) override { last = trainer.checkpoint(); }
  std::atomic<bool> stop = false;
  std::vector<EpochEvent> epochs;
  Checkpoint last;

 private:
  std::int64_t stop_after_;
};

Checkpoint trained(const ModelSpec& spec, std::int64_t epochs, Keeper& keeper, const Checkpoint* from = nullptr) {
  const auto plan = plan_of(spec, 16);
  Points points(160, 16);
  Trainer trainer(*plan, points, nullptr, nullptr, {.epochs = epochs, .callbacks = {Part{"GANCostCallback"}}});
  if (from != nullptr) trainer.resume(*from);
  trainer.run(keeper, keeper.stop);
  return keeper.last;
}

TEST(Adversaries, ResumeToTheSameBits) {
  for (const auto& [func, optimizer] : {std::pair{"modified", kAdam}, std::pair{"wasserstein", kRmsProp}}) {
    const ModelSpec spec = game_spec(func, optimizer);
    Keeper straight, stopped(13), resumed;
    const Checkpoint whole = trained(spec, 3, straight);
    const Checkpoint half = trained(spec, 3, stopped);
    ASSERT_EQ(half.position.step, 13);
    const Checkpoint rest = trained(spec, 3, resumed, &half);
    ASSERT_EQ(whole.position.step, 30);
    ASSERT_EQ(rest.parameters.size(), whole.parameters.size());
    for (std::size_t i = 0; i < whole.parameters.size(); ++i)
      EXPECT_EQ(rest.parameters[i].values, whole.parameters[i].values) << whole.parameters[i].name;
    for (std::size_t i = 0; i < whole.optimizer_states.size(); ++i)
      EXPECT_EQ(rest.optimizer_states[i].values, whole.optimizer_states[i].values) << whole.optimizer_states[i].name;
    const auto& figures = straight.epochs.back().metrics;
    ASSERT_EQ(figures.size(), 3u);
    EXPECT_EQ(figures[0], (std::pair<std::string, double>{"GeneratorSteps", 15}));
    EXPECT_EQ(figures, resumed.epochs.back().metrics);
  }
}

TEST(Adversaries, ComputeNoGradientOfWeightsThatHaveNoTurn) {
  const auto plan = plan_of(game_spec("modified", kAdam), 16);
  std::map<std::string, int> gradients;
  for (const StepNote& note : plan->notes(true))
    if (note.name.ends_with("backward weights")) ++gradients[note.name];
  EXPECT_EQ(gradients.size(),
            6u);  // of the generator's two layers, and of the discriminator's for data and for what is made
  for (const auto& [name, count] : gradients) EXPECT_EQ(count, 1) << name;
}

TEST(Adversaries, ClampTheDiscriminatorAlone) {
  const ModelSpec spec = game_spec("wasserstein", kRmsProp);
  Keeper keeper;
  double largest[2] = {};
  for (const NamedTensor& tensor : trained(spec, 10, keeper).parameters) {
    // Two layers each with their biases; the discriminator's come after.
    const bool critic = tensor.name[7] > '1';
    for (const float value : tensor.values) largest[critic] = std::max<double>(largest[critic], std::abs(value));
  }
  EXPECT_GT(largest[0], 0.31);
  EXPECT_EQ(largest[1], 0.3f);
}

TEST(Adversaries, TheGeneratorLearnsWhereTheDataAre) {
  const ModelSpec spec = game_spec("modified", kAdam);
  Keeper keeper;
  Checkpoint checkpoint = trained(spec, 60, keeper);
  checkpoint.spec = spec;
  constexpr std::int64_t kRows = 32;
  Predictor predictor(checkpoint, {.max_batch = kRows, .threads = 1});
  alignas(64) float noise[kRows * 3];
  tensor::draw_noise(noise, tensor::Noise::normal, 1, 1, 0);
  const auto* const sample = reinterpret_cast<const std::byte*>(noise);
  const std::span<const float> made = predictor.predict({&sample, 1}, kRows);
  const double centre[] = {2, -1, 0.5, 0};
  for (std::size_t c = 0; c < 4; ++c) {
    double mean = 0;
    for (std::size_t row = 0; row < kRows; ++row) mean += made[row * 4 + c] / static_cast<double>(kRows);
    EXPECT_NEAR(mean, centre[c], 0.5) << "number " << c;
  }
}

// Numbers of PyTorch 2 in float64, by autograd, with the same noise and the rules written out; parameters start as
// 0.5·sin(0.7·i + t), i in their tensor and t the number of the tensor.
TEST(Adversaries, TrainAsInPyTorch) {
  struct Expected {
    std::string_view func, optimizer;
    std::vector<double> discriminator, generator;
    double sum;
  };
  const Expected all[] = {
      {"original",
       kAdam,
       {1.610313, 1.564933, 1.548427, 1.505043, 1.487870, 1.439858, 1.416041, 1.384761, 1.343590, 1.323055},
       {-1.170433, -1.111465, -1.074372, -1.029586, -0.979046},
       27.340737},
      {"modified",
       kAdam,
       {1.610313, 1.564933, 1.548426, 1.505043, 1.487927, 1.439986, 1.416416, 1.384995, 1.344194, 1.323475},
       {0.371421, 0.399177, 0.417783, 0.441735, 0.471238},
       27.345690},
      {"wasserstein",
       kRmsProp,
       {-0.124378, -0.061598, -0.105306, -0.120488, -0.153927, -0.155639, -0.180082, -0.201462, -0.219016, -0.217917},
       {0.623160, 0.596616, 0.594100, 0.581852, 0.602342},
       23.635442}};
  for (const Expected& expected : all) {
    SCOPED_TRACE(expected.func);
    const auto plan = plan_of(game_spec(expected.func, expected.optimizer), 16);
    auto parameters = plan->export_parameters();
    for (std::size_t t = 0; t < parameters.size(); ++t)
      for (std::size_t i = 0; i < parameters[t].values.size(); ++i)
        parameters[t].values[i] =
            static_cast<float>(0.5 * std::sin(0.7 * static_cast<double>(i) + static_cast<double>(t)));
    plan->import_parameters(parameters);
    Points points(160, 16);
    points.seek(0, 0);
    for (std::int64_t step = 1; step <= 10; ++step) {
      const double cost = plan->train_step(*points.next(), {.step = step});
      EXPECT_NEAR(cost, expected.discriminator[static_cast<std::size_t>(step - 1)], 2e-5) << "step " << step;
      if (step % 2 == 0)
        EXPECT_NEAR(*plan->generator_cost(), expected.generator[static_cast<std::size_t>(step / 2 - 1)], 2e-5);
    }
    double sum = 0;
    for (const NamedTensor& tensor : plan->export_parameters())
      for (const float value : tensor.values) sum += std::abs(value);
    EXPECT_NEAR(sum, expected.sum, 1e-4);
  }
}

std::string refusal(const ModelSpec& spec, const tensor::Shape& sample = {4}) {
  try {
    cost_terms(spec.cost, build_graph(spec, sample));
  } catch (const base::Error& error) {
    return error.message;
  }
  return "nothing";
}

TEST(Adversaries, RefuseWhatDoesNotFit) {
  ModelSpec spec = game_spec("modified", kAdam);
  EXPECT_EQ(refusal(spec), "nothing");
  EXPECT_THAT(refusal(spec, {5}), HasSubstr("the generator makes (4), but the data are (5)"));
  spec.cost = Part{"SumSquared", {}, "/cost"};
  EXPECT_THAT(refusal(spec), HasSubstr("trains with the cost GANCost"));
  spec = game_spec("modified", kAdam);
  const Part linear{"Linear", {{"nout", 4}, {"init", "Gaussian"}}, "/layers/1"};
  spec.layers.insert(spec.layers.begin(), linear);
  EXPECT_THAT(refusal(spec), HasSubstr("the only part"));
  const auto plan = plan_of(game_spec("modified", kAdam), 16);
  Points points(32, 16), judged(32, 16);
  EXPECT_THROW(Trainer(*plan, points, &judged, nullptr, {}), base::Error);
  EXPECT_THROW(plan->compare(*points.next()), base::Error);
}

}  // namespace
}  // namespace neon
