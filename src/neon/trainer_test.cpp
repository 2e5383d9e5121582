#include "neon/trainer.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/error.h"
#include "neon/predictor.h"
#include "neon/testing/small_training.h"

namespace neon {
namespace {

using namespace testing;

std::vector<const std::byte*> samples_of(const tensor::Batch& batch) {
  std::vector<const std::byte*> samples;
  for (const tensor::Tensor& input : batch.inputs) samples.push_back(static_cast<const std::byte*>(input.data));
  return samples;
}

using ::testing::HasSubstr;

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
  EXPECT_EQ(listener.checkpoints.size(), 4u);  // after 8 and 16, and before and after the evaluation of 20
  EXPECT_EQ(listener.checkpoints.back().position.epoch, 20);
}

TEST(Trainer, EvaluationFinishesTheFiguresOfAllRecords) {
  const auto plan = plan_for(spec_with(kMomentum), 16);
  Records records(20, 16);
  double squares = 0, count = 0;
  records.seek(0, 0);
  while (const tensor::Batch* batch = records.next()) {
    const Plan::Comparison got = plan->compare(*batch);
    for (std::size_t i = 0; i < got.outputs.size(); ++i)
      squares += std::pow(static_cast<double>(got.outputs[i]) - got.targets[i], 2);
    count += static_cast<double>(got.outputs.size());
  }
  const auto metric = Shelf<Metric>::instance().make(part(R"("RootMeanSquaredError")"));
  const auto evaluation = evaluate(*plan, records, {metric.get()}, false);
  ASSERT_TRUE(evaluation);
  ASSERT_EQ(evaluation->metrics.size(), 1u);
  EXPECT_NEAR(evaluation->metrics[0].second, std::sqrt(squares / count), 1e-9);
}

TrainerOptions with_callbacks(std::int64_t epochs, std::initializer_list<std::string_view> callbacks) {
  TrainerOptions options;
  options.epochs = epochs;
  for (const std::string_view callback : callbacks) options.callbacks.push_back(part(callback));
  return options;
}

/// The highest rates come first, so that the cost of the evaluation has its best early and gets worse.
constexpr std::string_view kFirstFastThenWild =
    R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 0.05, "momentum_coef": 0.9,
        "schedule": {"type": "Schedule", "config": {"step_config": [3], "change": 60}}}})";

TEST(Callbacks, EarlyStopEndsWithTheBestWeightsHoweverOftenItIsInterrupted) {
  const ModelSpec spec = spec_with(kFirstFastThenWild);
  Records train(64, 16), test(20, 16);
  const TrainerOptions options =
      with_callbacks(30, {R"({"type": "EarlyStopCallback", "config": {"patience": 2}})", R"("SaveBestStateCallback")"});
  const auto plan = plan_for(spec, 16);
  Listener listener;
  Trainer trainer(*plan, train, &test, nullptr, options);
  EXPECT_EQ(trainer.run(listener, listener.stop), Trainer::Outcome::completed);
  ASSERT_LT(listener.epochs.size(), 30u);
  ASSERT_GT(listener.epochs.size(), 2u);
  EXPECT_THAT(listener.epochs.back().ended_because, HasSubstr("eval_cost has not become better than"));
  EXPECT_TRUE(listener.epochs[0].ended_because.empty());

  // The best epoch is the third before the end; its weights are those of a training that ends there.
  const auto best =
      std::min_element(listener.epochs.begin(), listener.epochs.end(),
                       [](const EpochEvent& a, const EpochEvent& b) { return *a.eval_cost < *b.eval_cost; });
  EXPECT_EQ(best - listener.epochs.begin(), static_cast<std::ptrdiff_t>(listener.epochs.size()) - 3);
  const auto shorter_plan = plan_for(spec, 16);
  Listener shorter;
  TrainerOptions short_options;
  short_options.epochs = best->epoch + 1;
  Trainer(*shorter_plan, train, &test, nullptr, short_options).run(shorter, shorter.stop);
  EXPECT_TRUE(same_bits(plan->export_parameters(), shorter_plan->export_parameters()));
  EXPECT_TRUE(same_bits(listener.checkpoints.back().parameters, plan->export_parameters()));

  // Stopped after every few steps, and through a file each time.
  const std::filesystem::path file = std::filesystem::temp_directory_path() / fmt::format("callbacks-{}", ::getpid());
  std::unique_ptr<Plan> last;
  for (Trainer::Outcome outcome = Trainer::Outcome::stopped; outcome == Trainer::Outcome::stopped;) {
    last = plan_for(spec, 16);
    Listener part_of(3);
    Trainer again(*last, train, &test, nullptr, options);
    if (std::filesystem::exists(file)) again.resume(read_checkpoint(file));
    outcome = again.run(part_of, part_of.stop);
    Checkpoint checkpoint = part_of.checkpoints.back();
    checkpoint.spec = spec;
    checkpoint.spec.metric = part(R"("Misclassification")");
    checkpoint.spec.callbacks = options.callbacks;
    write_checkpoint(checkpoint, file);
  }
  EXPECT_TRUE(same_bits(plan->export_parameters(), last->export_parameters()));
  EXPECT_TRUE(read_checkpoint(file).position.finished);
  std::filesystem::remove(file);
}

TEST(Callbacks, FiguresComeWithTheMetrics) {
  Records train(64, 16);
  const auto plan = plan_for(spec_with(kFirstFastThenWild), 16);
  Listener listener;
  Trainer trainer(*plan, train, nullptr, nullptr,
                  with_callbacks(4, {R"({"type": "FiguresCallback", "config": {"weight_norm": true}})"}));
  trainer.run(listener, listener.stop);
  std::map<std::string, double> figures(listener.epochs[0].metrics.begin(), listener.epochs[0].metrics.end());
  EXPECT_DOUBLE_EQ(figures.at("LearningRate"), 0.05);
  figures = {listener.epochs[3].metrics.begin(), listener.epochs[3].metrics.end()};
  EXPECT_DOUBLE_EQ(figures.at("LearningRate"), 3);
  double gradients = 0, weights = 0;
  for (const NamedTensor& tensor : plan->export_gradients())
    for (const float value : tensor.values) gradients += static_cast<double>(value) * value;
  for (const NamedTensor& tensor : plan->export_parameters())
    if (!tensor.name.ends_with("gmean") && !tensor.name.ends_with("gvar"))
      for (const float value : tensor.values) weights += static_cast<double>(value) * value;
  EXPECT_NEAR(figures.at("GradientNorm"), std::sqrt(gradients) / 16, 1e-9);
  EXPECT_NEAR(figures.at("WeightNorm"), std::sqrt(weights), 1e-9);
}

TEST(Callbacks, AFigureThatThereIsNotIsRefusedWithThoseThatThereAre) {
  Records train(64, 16), test(20, 16);
  const auto plan = plan_for(spec_with(kMomentum), 16);
  const auto metric = Shelf<Metric>::instance().make(part(R"("Accuracy")"));
  const auto message = [&](tensor::BatchSource* eval, std::string_view callback) {
    try {
      Trainer(*plan, train, eval, metric.get(), with_callbacks(2, {callback}));
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code, base::Code::invalid_argument);
      return error.message;
    }
    return std::string("no error");
  };
  EXPECT_THAT(message(&test, R"({"type": "EarlyStopCallback", "config": {"figure": "Acuracy"}})"),
              HasSubstr("unknown figure 'Acuracy'; did you mean 'Accuracy'?"));
  EXPECT_THAT(message(nullptr, R"("SaveBestStateCallback")"), HasSubstr("there are no evaluation data"));
  EXPECT_EQ(message(nullptr, R"({"type": "EarlyStopCallback", "config": {"figure": "cost"}})"), "no error");
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
    EXPECT_THAT(error.message, HasSubstr("(step "));
    EXPECT_THAT(error.message, HasSubstr("of layer 'Convolution_0"));
    EXPECT_THAT(error.message, HasSubstr("Lower the learning rate"));
  }
  EXPECT_TRUE(listener.checkpoints.empty());
}

/// Passes batches on until `fails_at`, counted over all epochs; may ask for a stop at a batch.
class Watched final : public tensor::BatchSource {
 public:
  explicit Watched(Records& records) : records_(records) {}
  const tensor::SourceInfo& info() const override { return records_.info(); }
  void seek(std::int64_t epoch, std::int64_t batch) override { records_.seek(epoch, batch); }
  const tensor::Batch* next() override {
    if (seen_ == fails_at) throw base::Error(base::Code::invalid_argument, "record 7 is broken");
    if (seen_ == stops_at) *stop = true;
    if (++seen_ == spoiled_at) return spoiled();
    return records_.next();
  }

  std::int64_t fails_at = -1, stops_at = -1, spoiled_at = -1;
  std::atomic<bool>* stop = nullptr;

 private:
  const tensor::Batch* spoiled() {
    const tensor::Batch* batch = records_.next();
    batch->input().as<float>()[5] = HUGE_VALF;
    return batch;
  }
  Records& records_;
  std::int64_t seen_ = 0;
};

std::string failure_of(Trainer& trainer, Listener& listener) {
  try {
    trainer.run(listener, listener.stop);
  } catch (const base::Error& error) {
    return error.message;
  }
  return "none";
}

TEST(Trainer, FindsWeightsThatTheLastStepSpoiled) {
  const auto plan = plan_for(
      spec_with(R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 3e38, "momentum_coef": 0.9}})"), 16);
  Records data(16, 16), test(20, 16);  // one step, whose cost is fine
  Listener listener;
  Trainer trainer(*plan, data, &test, nullptr, {});
  EXPECT_THAT(failure_of(trainer, listener), HasSubstr("after step 1 (epoch 0): the outputs of layer 'Convolution_0'"));
  EXPECT_EQ(listener.steps.size(), 1u);
  EXPECT_TRUE(listener.epochs.empty());
  EXPECT_TRUE(listener.checkpoints.empty());
}

TEST(Trainer, NamesAnInputThatIsNotFinite) {
  const auto plan = plan_for(spec_with(kMomentum), 16);
  Records data(64, 16);
  Watched watched(data);
  watched.spoiled_at = 3;
  Listener listener;
  Trainer trainer(*plan, watched, nullptr, nullptr, {});
  EXPECT_THAT(failure_of(trainer, listener),
              ::testing::AllOf(HasSubstr("batch 2 (step 3): the input itself is not finite (row 0 of the batch)"),
                               ::testing::Not(HasSubstr("diverged"))));
}

TEST(Trainer, SaysWhenAnEvaluationGaveNoNumber) {
  const auto plan = plan_for(spec_with(kMomentum), 16);
  Records data(64, 16), test(40, 16);
  Watched watched(test);
  watched.spoiled_at = 1;
  Listener listener;
  Trainer trainer(*plan, data, &watched, nullptr, {});
  EXPECT_THAT(failure_of(trainer, listener), HasSubstr("of evaluation records 0 to 15 after epoch 0 (step 4) is not"));
}

TEST(Trainer, FaultsOfTheDataCostNoTrainedStep) {
  Records data(64, 16), test(40, 16);
  TrainerOptions options;
  options.epochs = 3;
  options.checkpoint_every = 0;
  {
    const auto plan = plan_for(spec_with(kMomentum), 16);
    Watched broken(data);
    broken.fails_at = 6;
    Listener listener;
    Trainer trainer(*plan, broken, nullptr, nullptr, options);
    EXPECT_EQ(failure_of(trainer, listener), "record 7 is broken");
    ASSERT_EQ(listener.checkpoints.size(), 1u);
    EXPECT_EQ(listener.checkpoints[0].position.step, 6);
  }
  const auto plan = plan_for(spec_with(kMomentum), 16);
  Watched broken(test);
  broken.fails_at = 1;
  Listener listener;
  Trainer trainer(*plan, data, &broken, nullptr, options);
  EXPECT_EQ(failure_of(trainer, listener), "record 7 is broken");
  ASSERT_EQ(listener.checkpoints.size(), 1u);
  EXPECT_EQ(listener.checkpoints[0].position.epoch, 1);
  EXPECT_EQ(listener.checkpoints[0].position.batch, 0);
  EXPECT_TRUE(listener.checkpoints[0].position.awaits_evaluation());
}

TEST(Trainer, AStopEndsAnEvaluationWhichIsRepeatedOnResume) {
  const ModelSpec spec = spec_with(kMomentum);
  Records data(64, 16), test(100, 16);
  TrainerOptions options;
  options.epochs = 2;
  const auto straight_plan = plan_for(spec, 16);
  Listener straight;
  Trainer(*straight_plan, data, &test, nullptr, options).run(straight, straight.stop);

  for (const std::int64_t stops_at : {2, 9}) {  // in the first evaluation and in the second
    const auto plan = plan_for(spec, 16), resumed_plan = plan_for(spec, 16);
    Watched watched(test);
    Listener listener, resumed;
    watched.stops_at = stops_at;
    watched.stop = &listener.stop;
    Trainer trainer(*plan, data, &watched, nullptr, options);
    EXPECT_EQ(trainer.run(listener, listener.stop), Trainer::Outcome::stopped);
    const TrainingPosition at = listener.checkpoints.back().position;
    EXPECT_EQ(at.epoch, stops_at == 2 ? 1 : 2);
    EXPECT_TRUE(at.awaits_evaluation());
    EXPECT_EQ(static_cast<std::int64_t>(listener.epochs.size()), at.epoch - 1);

    Trainer after(*resumed_plan, data, &test, nullptr, options);
    after.resume(listener.checkpoints.back());
    EXPECT_EQ(after.run(resumed, resumed.stop), Trainer::Outcome::completed);
    ASSERT_EQ(resumed.epochs.size(), static_cast<std::size_t>(3 - at.epoch));
    EXPECT_EQ(resumed.epochs.front().epoch, at.epoch - 1);
    EXPECT_EQ(resumed.epochs.front().cost, straight.epochs[static_cast<std::size_t>(at.epoch - 1)].cost);
    EXPECT_EQ(resumed.epochs.back().eval_cost, straight.epochs.back().eval_cost);
    EXPECT_TRUE(same_bits(resumed_plan->export_parameters(), straight_plan->export_parameters()));
    EXPECT_FALSE(resumed.checkpoints.back().position.awaits_evaluation());
  }
}

TEST(Trainer, ResumesAtTheSameRecordOrRefusesWithBothValues) {
  const ModelSpec spec = spec_with(kMomentum);
  Records data(64, 16);
  const auto plan = plan_for(spec, 16);
  Listener listener(2);
  Trainer trainer(*plan, data, nullptr, nullptr, {});
  trainer.run(listener, listener.stop);
  const Checkpoint within = listener.checkpoints.back();  // at record 32

  const auto resumed = [&](std::int64_t batch_size, std::int64_t records, const Checkpoint& from) {
    const auto other = plan_for(spec, batch_size);
    Records source(records, batch_size);
    Trainer after(*other, source, nullptr, nullptr, {});
    after.resume(from);
    return after.position();
  };
  EXPECT_EQ(resumed(8, 64, within).batch, 4);
  EXPECT_EQ(resumed(32, 64, within).batch, 1);
  const auto refusal = [&](std::int64_t batch_size, std::int64_t records) {
    try {
      resumed(batch_size, records, within);
    } catch (const base::Error& error) {
      return error.message;
    }
    return std::string("none");
  };
  EXPECT_THAT(refusal(12, 64),
              HasSubstr("at record 32 of epoch 0, after 2 batches of 16; no batch of 12 begins there"));
  EXPECT_THAT(refusal(16, 65), HasSubstr("of 64 records, this training has 65"));

  Checkpoint whole = within;  // between epochs the next one begins with its first record, whatever it is
  whole.position.epoch = 1;
  whole.position.batch = 0;
  EXPECT_EQ(resumed(12, 65, whole).epoch, 1);
}

TEST(Trainer, RefusesStatisticsOverASingleNumber) {
  ModelSpec spec;
  spec.layers = {part(R"({"type": "Affine", "config": {"nout": 4, "init": "GlorotUniform", "batch_norm": true}})")};
  spec.cost = part(R"("SumSquared")");
  spec.optimizer = part(kMomentum);
  try {
    plan_for(spec, 1);
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message, HasSubstr("layer 'Linear_0_bnorm'"));
    EXPECT_THAT(error.message, HasSubstr("batch of 1"));
  }
  const auto plan = plan_for(spec, 16);
  Records one(1, 16);  // the batch repeats its only record
  EXPECT_THROW(Trainer(*plan, one, nullptr, nullptr, {}), base::Error);
}

TEST(Predictor, LeavesOutTheBranchesThatOnlyTrainingNeeds) {
  ModelSpec spec = spec_with(kMomentum);
  spec.layers = {part(R"({"type": "SingleOutputTree", "config": {"layers": [
      [{"type": "Affine", "config": {"nout": 6, "init": "GlorotUniform", "activation": "Tanh"}},
       {"type": "BranchNode", "config": {"name": "b"}},
       {"type": "Affine", "config": {"nout": 4, "init": "GlorotUniform", "activation": "Softmax"}}],
      [{"type": "BranchNode", "config": {"name": "b"}},
       {"type": "Affine", "config": {"nout": 4, "init": "GlorotUniform", "activation": "Softmax"}}]]}})")};
  spec.cost = part(R"({"type": "Multicost", "config": {"costs": ["CrossEntropyMulti", "CrossEntropyMulti"]}})");
  const Graph graph = build_graph(spec, {2, 6, 6});
  PlanOptions options;
  options.batch_size = 16;
  options.costs = cost_terms(spec.cost, graph);
  options.optimizer = Shelf<Optimizer>::instance().make(spec.optimizer);
  const auto plan = compile(graph, options);
  Records train(64, 16);
  Listener listener;
  TrainerOptions two;
  two.epochs = 2;
  Trainer trainer(*plan, train, nullptr, nullptr, two);
  trainer.run(listener, listener.stop);
  Checkpoint checkpoint = listener.checkpoints.back();
  checkpoint.spec = spec;
  Predictor predictor(checkpoint, {.max_batch = 4});
  predictor.warm_up();
  train.seek(0, 0);
  const tensor::Batch* batch = train.next();
  const auto all = plan->infer(batch->inputs);
  const std::vector<float> expected(all.begin(), all.begin() + 4);
  const auto got = predictor.predict(samples_of(*batch), 1);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(got[i], expected[i], 1e-6);
}

TEST(Predictor, RefusesWhatIsNotFinite) {
  const ModelSpec spec = spec_with(kMomentum);
  const auto plan = plan_for(spec, 16);
  Records data(64, 16);
  Checkpoint checkpoint = Trainer(*plan, data, nullptr, nullptr, {}).checkpoint();
  checkpoint.spec = spec;
  Predictor predictor(checkpoint, {.max_batch = 2, .threads = 1});
  std::vector<float> sample(72, HUGE_VALF);
  const std::vector<const std::byte*> samples{reinterpret_cast<const std::byte*>(sample.data())};
  EXPECT_THROW(predictor.predict(samples, 1), base::Error);
  checkpoint.parameters[0].values[3] = HUGE_VALF;
  try {
    Predictor refused(checkpoint, {.max_batch = 2, .threads = 1});
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message, HasSubstr("of layer 'Convolution_0'"));
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
  const auto outputs = plan->infer(batch.input());
  const std::vector<float> expected(outputs.begin(), outputs.end());
  Predictor predictor(checkpoint, {.max_batch = 11, .threads = 1});
  predictor.warm_up();
  for (const std::int64_t rows : {1, 2, 3, 5, 8, 11}) {
    const auto got = predictor.predict(samples_of(batch), rows);
    ASSERT_EQ(got.size(), static_cast<std::size_t>(rows * 4));
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-5) << rows << " rows, " << i;
  }
  EXPECT_THROW(predictor.predict(samples_of(batch), 12), base::Error);

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
