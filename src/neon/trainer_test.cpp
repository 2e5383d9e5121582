#include "neon/trainer.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/random.h"
#include "neon/predictor.h"

namespace neon {
namespace {

using ::testing::HasSubstr;

Part part(std::string_view json) { return Part::from_json(base::parse_json(json, "test"), ""); }

/// Records whose class shows in their first numbers; shuffled by (seed, epoch) alone, as every BatchSource must be.
class Records final : public tensor::BatchSource {
 public:
  Records(std::int64_t count, std::int64_t batch_size, std::int64_t classes = 4) : classes_(classes) {
    info_.sample_shape = {2, 6, 6};
    info_.record_count = count;
    info_.batch_size = batch_size;
    for (std::int64_t c = 0; c < classes; ++c) info_.labels.push_back(fmt::format("class {}", c));
    input_.resize(static_cast<std::size_t>(batch_size) * kSize);
    target_.resize(static_cast<std::size_t>(batch_size));
    batch_.input = {tensor::Dtype::f32, {batch_size, 2, 6, 6}, input_.data()};
    batch_.target = {tensor::Dtype::i32, {batch_size}, target_.data()};
  }
  const tensor::SourceInfo& info() const override { return info_; }
  void seek(std::int64_t epoch, std::int64_t batch) override {
    epoch_ = epoch;
    next_ = batch;
  }
  const tensor::Batch* next() override {
    if (next_ >= info_.batches_per_epoch()) return nullptr;
    const std::int64_t first = next_++ * info_.batch_size;
    batch_.count = std::min(info_.batch_size, info_.record_count - first);
    for (std::int64_t row = 0; row < info_.batch_size; ++row) fill(row, (first + row) % info_.record_count);
    return &batch_;
  }

 private:
  static constexpr std::size_t kSize = 72;
  void fill(std::int64_t row, std::int64_t record) {
    const auto shuffled = static_cast<std::uint64_t>((record * 7 + epoch_ * 3) % info_.record_count);
    base::Random random(17, shuffled);
    const auto label = static_cast<std::size_t>(shuffled) % static_cast<std::size_t>(classes_);
    float* to = &input_[static_cast<std::size_t>(row) * kSize];
    for (std::size_t i = 0; i < kSize; ++i)
      to[i] = static_cast<float>(0.3 * random.normal() + (i % 4 == label ? 1.0 : 0.0));
    target_[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(label);
  }

  std::int64_t classes_, epoch_ = 0, next_ = 0;
  tensor::SourceInfo info_;
  std::vector<float> input_;
  std::vector<std::int32_t> target_;
  tensor::Batch batch_;
};

constexpr std::string_view kMomentum =
    R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 0.05, "momentum_coef": 0.9, "wdecay": 0.001}})";
constexpr std::string_view kClipped =
    R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 0.05, "momentum_coef": 0.9, "gradient_clip_norm": 0.5}})";

ModelSpec spec_with(std::string_view optimizer) {
  ModelSpec spec;
  spec.layers = {
      part(
          R"({"type": "Conv", "config": {"fshape": [3, 3, 8], "init": "GlorotUniform", "batch_norm": true, "activation": "Rectlin"}})"),
      part(R"({"type": "Pooling", "config": {"fshape": 2}})"), part(R"({"type": "Dropout", "config": {"keep": 0.8}})"),
      part(
          R"({"type": "Affine", "config": {"nout": 4, "init": "GlorotUniform", "bias": "Constant", "activation": "Softmax"}})")};
  spec.cost = part(R"("CrossEntropyMulti")");
  spec.optimizer = part(optimizer);
  return spec;
}

std::unique_ptr<Plan> plan_for(const ModelSpec& spec, std::int64_t batch_size, std::uint64_t seed = 5) {
  PlanOptions options;
  options.batch_size = batch_size;
  options.threads = 2;
  options.seed = seed;
  options.cost = Shelf<Cost>::instance().make(spec.cost);
  options.optimizer = Shelf<Optimizer>::instance().make(spec.optimizer);
  return compile(build_graph(spec, {2, 6, 6}), options);
}

/// Keeps what it hears, and may ask for a stop after so many steps.
class Listener final : public TrainingEvents {
 public:
  explicit Listener(std::int64_t stop_after = -1) : stop_after_(stop_after) {}
  void on_step(const StepEvent& event) override {
    steps.push_back(event);
    if (static_cast<std::int64_t>(steps.size()) == stop_after_) stop = true;
  }
  void on_epoch(const EpochEvent& event) override { epochs.push_back(event); }
  void on_checkpoint(const Trainer& trainer) override { checkpoints.push_back(trainer.checkpoint()); }

  std::atomic<bool> stop = false;
  std::vector<StepEvent> steps;
  std::vector<EpochEvent> epochs;
  std::vector<Checkpoint> checkpoints;

 private:
  std::int64_t stop_after_;
};

bool same_bits(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].name != b[i].name || a[i].shape != b[i].shape || a[i].values.size() != b[i].values.size() ||
        std::memcmp(a[i].values.data(), b[i].values.data(), a[i].values.size() * sizeof(float)) != 0)
      return false;
  return true;
}

class Resume : public ::testing::TestWithParam<std::string_view> {};

TEST_P(Resume, StoppingAnywhereChangesNoBitOfTheResult) {
  const ModelSpec spec = spec_with(GetParam());
  TrainerOptions options;
  options.epochs = 3;
  Records data(50, 16);  // 4 batches an epoch, the last one wraps

  const auto straight_plan = plan_for(spec, 16);
  Listener straight;
  Trainer trainer(*straight_plan, data, nullptr, nullptr, options);
  EXPECT_EQ(trainer.run(straight, straight.stop), Trainer::Outcome::completed);

  for (const std::int64_t stop_after : {1, 4, 6, 11}) {
    SCOPED_TRACE(stop_after);
    const auto first_plan = plan_for(spec, 16);
    Listener first(stop_after);
    Trainer before(*first_plan, data, nullptr, nullptr, options);
    EXPECT_EQ(before.run(first, first.stop), Trainer::Outcome::stopped);
    EXPECT_EQ(first.checkpoints.back().position.step, stop_after);

    const auto second_plan = plan_for(spec, 16);
    Listener second;
    Trainer after(*second_plan, data, nullptr, nullptr, options);
    after.resume(first.checkpoints.back());
    EXPECT_EQ(after.run(second, second.stop), Trainer::Outcome::completed);

    EXPECT_TRUE(same_bits(straight_plan->export_parameters(), second_plan->export_parameters()));
    EXPECT_TRUE(same_bits(straight_plan->export_optimizer_states(), second_plan->export_optimizer_states()));
    EXPECT_EQ(straight.epochs.back().cost, second.epochs.back().cost);
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Resume, ::testing::Values(kMomentum, kClipped, R"("Adam")", R"("RMSProp")"));

TEST(Trainer, LearnsAndReports) {
  const ModelSpec spec = spec_with(kMomentum);
  const auto plan = plan_for(spec, 16);
  Records train(64, 16), test(20, 16);
  const auto metric = Shelf<Metric>::instance().make(part(R"("Misclassification")"));
  TrainerOptions options;
  options.epochs = 20;
  options.checkpoint_every = 8;
  options.evaluate_every = 5;
  Listener listener;
  Trainer trainer(*plan, train, &test, metric.get(), options);
  trainer.run(listener, listener.stop);

  EXPECT_EQ(listener.steps.size(), 80u);
  EXPECT_EQ(listener.steps[5].epoch, 1);
  EXPECT_EQ(listener.steps[5].batch, 2);
  EXPECT_EQ(listener.steps[5].batches, 4);
  ASSERT_EQ(listener.epochs.size(), 20u);
  EXPECT_LT(listener.epochs.back().cost, 0.6 * listener.epochs.front().cost);
  EXPECT_FALSE(listener.epochs[0].eval_cost);
  ASSERT_TRUE(listener.epochs[4].eval_cost);
  EXPECT_EQ(listener.epochs.back().metrics.at(0).first, "Top1Misclass");
  EXPECT_LE(listener.epochs.back().metrics.at(0).second, 0.1);
  EXPECT_EQ(listener.checkpoints.size(), 3u);  // after 8, 16 and 20
  EXPECT_EQ(listener.checkpoints.back().position.epoch, 20);
}

TEST(Trainer, EvaluationChangesNothingThatTrainingDependsOn) {
  const ModelSpec spec = spec_with(kMomentum);
  const auto plan = plan_for(spec, 16), watched = plan_for(spec, 16);
  Records train(64, 16), test(20, 16);
  TrainerOptions options;
  options.epochs = 2;
  Listener a, b;
  Trainer(*plan, train, nullptr, nullptr, options).run(a, a.stop);
  Trainer(*watched, train, &test, nullptr, options).run(b, b.stop);
  EXPECT_TRUE(same_bits(plan->export_parameters(), watched->export_parameters()));
}

TEST(Trainer, SaysWhenTrainingHasDiverged) {
  const auto plan = plan_for(
      spec_with(R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 1e30, "momentum_coef": 0.9}})"), 16);
  Records data(64, 16);
  Listener listener;
  Trainer trainer(*plan, data, nullptr, nullptr, {});
  try {
    trainer.run(listener, listener.stop);
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message, HasSubstr("epoch 0, batch "));
    EXPECT_THAT(error.message, HasSubstr("Lower the learning rate"));
  }
}

TEST(Trainer, RefusesSourcesAndCheckpointsThatDoNotFit) {
  const ModelSpec spec = spec_with(kMomentum);
  const auto plan = plan_for(spec, 8);
  Records data(64, 16);
  EXPECT_THROW(Trainer(*plan, data, nullptr, nullptr, {}), base::Error);

  const auto fitting = plan_for(spec, 16);
  Trainer trainer(*fitting, data, nullptr, nullptr, {});
  Checkpoint checkpoint = trainer.checkpoint();
  checkpoint.parameters.pop_back();
  EXPECT_THROW(trainer.resume(checkpoint), base::Error);
  checkpoint = trainer.checkpoint();
  checkpoint.position.seed = 99;
  EXPECT_THROW(trainer.resume(checkpoint), base::Error);
}

TEST(Predictor, AnswersAsTheTrainedPlanForAnyNumberOfRows) {
  const ModelSpec spec = spec_with(kMomentum);
  const auto plan = plan_for(spec, 16);
  Records data(64, 16);
  Listener listener;
  Trainer trainer(*plan, data, nullptr, nullptr, {});
  trainer.run(listener, listener.stop);
  Checkpoint checkpoint = trainer.checkpoint();
  checkpoint.spec = spec;
  checkpoint.labels = data.info().labels;

  data.seek(0, 0);
  const tensor::Batch& batch = *data.next();
  const auto outputs = plan->infer(batch.input);
  const std::vector<float> expected(outputs.begin(), outputs.end());
  Predictor predictor(checkpoint, {.max_batch = 11, .threads = 1});
  predictor.warm_up();
  for (const std::int64_t rows : {1, 2, 3, 5, 8, 11}) {
    const auto got = predictor.predict(batch.input.data, rows);
    ASSERT_EQ(got.size(), static_cast<std::size_t>(rows * 4));
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-5) << rows << " rows, " << i;
  }
  EXPECT_THROW(predictor.predict(batch.input.data, 12), base::Error);

  const auto best = predictor.top_k(std::vector<float>{0.1f, 0.4f, 0.1f, 0.4f}, 3);
  ASSERT_EQ(best.size(), 3u);
  EXPECT_EQ(best[0].index, 1);
  EXPECT_EQ(best[1].index, 3);
  EXPECT_EQ(best[2].index, 0);
  EXPECT_EQ(best[0].label, "class 1");
  try {
    predictor.check_k(5);
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message, HasSubstr("between 1 and 4"));
  }
}

}  // namespace
}  // namespace neon
