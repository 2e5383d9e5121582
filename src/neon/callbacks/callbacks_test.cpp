#include <gmock/gmock.h>

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "neon/shelf_configs_test.h"
#include "neon/testing/small_training.h"

namespace neon {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TrainerOptions with(std::int64_t epochs, std::initializer_list<std::string_view> callbacks) {
  TrainerOptions options;
  options.epochs = epochs;
  for (const std::string_view callback : callbacks) options.callbacks.push_back(part(callback));
  return options;
}

/// A training on the small records, with evaluation data unless told otherwise.
struct SmallRun {
  explicit SmallRun(const TrainerOptions& options, bool evaluates = true, const ModelSpec& spec = spec_with(kMomentum))
      : plan(plan_for(spec, 16)), metric(Shelf<Metric>::instance().make(part(R"("Accuracy")"))) {
    Trainer trainer(*plan, train, evaluates ? &test : nullptr, metric.get(), options);
    trainer.run(listener, listener.stop);
  }
  Records train{48, 16}, test{20, 16};
  std::unique_ptr<Plan> plan;
  std::unique_ptr<Metric> metric;
  Listener listener;
};

std::string refusal(const TrainerOptions& options, bool evaluates = true) {
  try {
    SmallRun run(options, evaluates);
  } catch (const base::Error& error) {
    return error.message;
  }
  return "none";
}

std::vector<std::string> names_of(const EpochEvent& event) {
  std::vector<std::string> names;
  for (const auto& [name, value] : event.metrics) names.push_back(name);
  return names;
}

TEST(Callbacks, MoreMetricsComeAsOftenAsTheyAreWanted) {
  const SmallRun run(with(5, {R"({"type": "MetricCallback", "config": {"metric": "LogLoss", "epoch_freq": 2}})",
                              R"({"type": "LossCallback", "config": {"epoch_freq": 3}})"}));
  std::vector<std::size_t> figures;
  for (const EpochEvent& epoch : run.listener.epochs) figures.push_back(epoch.metrics.size());
  EXPECT_THAT(figures, ElementsAre(0, 1, 1, 1, 2));
  EXPECT_EQ(run.listener.epochs[1].metrics[0].first, "LogLoss");
  EXPECT_EQ(run.listener.epochs[2].metrics[0].first, "Accuracy");
  EXPECT_TRUE(run.listener.epochs[1].eval_cost);
  // The figure is that of the metric by itself.
  Records test(20, 16);
  const auto metric = Shelf<Metric>::instance().make(part(R"("LogLoss")"));
  EXPECT_EQ(evaluate(*run.plan, test, {metric.get()}, false)->metrics[0].second,
            run.listener.epochs[4].metrics[1].second);

  EXPECT_THAT(refusal(with(1, {R"({"type": "MetricCallback", "config": {"metric": "Accuracy"}})"})),
              HasSubstr("'Accuracy' is measured twice"));
  EXPECT_THAT(refusal(with(1, {R"({"type": "MetricCallback", "config": {"metric": "LogLoss"}})"}), false),
              HasSubstr("there are none"));
}

TEST(Callbacks, SerializeSaysHowOftenUnlessTheProgramDoes) {
  TrainerOptions options = with(5, {R"({"type": "SerializeModelCallback", "config": {"epoch_freq": 2}})"});
  EXPECT_EQ(SmallRun(options, false).listener.checkpoints.size(), 3u);
  options.checkpoint_every = 0;
  EXPECT_EQ(SmallRun(options, false).listener.checkpoints.size(), 1u);
}

TEST(Callbacks, TrainCostIsTheMeanOfItsWindow) {
  const SmallRun run(with(3, {R"({"type": "TrainCostCallback", "config": {"wsz": 4}})"}));
  const auto& steps = run.listener.steps;
  ASSERT_EQ(steps.size(), 9u);
  EXPECT_EQ(steps[0].cost, steps[0].batch_cost);
  EXPECT_NEAR(steps[8].cost,
              (steps[5].batch_cost + steps[6].batch_cost + steps[7].batch_cost + steps[8].batch_cost) / 4, 1e-12);
}

TEST(Callbacks, EachLabelHasItsPrecisionAndRecall) {
  const SmallRun run(
      with(2, {R"({"type": "MultiLabelStatsCallback", "config": {"binarize": true}})", R"("RunTimerCallback")"}));
  const EpochEvent& last = run.listener.epochs.back();
  EXPECT_EQ(names_of(last).size(), 1u + 8u + 1u);
  std::map<std::string, double> figures(last.metrics.begin(), last.metrics.end());
  double right = 0, of_class_2 = 0, answered_2 = 0;
  Records test(20, 16);
  test.seek(0, 0);
  while (const tensor::Batch* batch = test.next()) {
    const auto got = run.plan->compare(*batch);
    for (std::int64_t row = 0; row < got.rows; ++row) {
      const auto y = got.outputs.subspan(static_cast<std::size_t>(row * 4), 4);
      const bool answered = std::max_element(y.begin(), y.end()) - y.begin() == 2;
      const bool is = got.targets[static_cast<std::size_t>(row * 4 + 2)] == 1;
      answered_2 += answered ? 1 : 0;
      of_class_2 += is ? 1 : 0;
      right += answered && is ? 1 : 0;
    }
  }
  EXPECT_NEAR(figures.at("Precision of class 2"), right / (answered_2 + 1e-6), 1e-9);
  EXPECT_NEAR(figures.at("Recall of class 2"), right / (of_class_2 + 1e-6), 1e-9);
  EXPECT_GE(figures.at("RunSeconds"), 0);
  EXPECT_THAT(refusal(with(1, {R"({"type": "MultiLabelStatsCallback", "config": {"labels": ["a"]}})"})),
              HasSubstr("has 1 names, but the network has 4 outputs"));
}

TEST(Callbacks, HistogramsCountPowersOfTwo) {
  const std::vector<float> values{0, 1, -1, 1.4f, 1.5f, 2, 0.25f, 1e-30f, 3e38f, 40000};
  const auto counts = histogram_of(values);
  const auto of_power = [&](std::int64_t power) { return counts[static_cast<std::size_t>(power - kHistogramOffset)]; };
  EXPECT_EQ(of_power(0), 3);  // 1, -1, 1.4
  EXPECT_EQ(of_power(1), 2);  // 1.5, 2
  EXPECT_EQ(of_power(-2), 1);
  EXPECT_EQ(of_power(-48), 2);  // 0 and what is smaller than every bin
  EXPECT_EQ(of_power(15), 2);   // and larger

  const SmallRun run(with(1, {R"({"type": "HistCallback", "config": {"filter_key": ["W", "dW"]}})",
                              R"({"type": "HistCallback", "config": {"plot_per_mini": true}})"}));
  std::vector<std::string> names;
  for (const Histogram& histogram : run.listener.epochs[0].histograms) names.push_back(histogram.name);
  EXPECT_THAT(names, ElementsAre("Convolution_0/W", "Convolution_0_bnorm/gamma", "Convolution_0_bnorm/beta",
                                 "Linear_0/W", "Linear_0_bias/W", "Convolution_0/dW", "Convolution_0_bnorm/dgamma",
                                 "Convolution_0_bnorm/dbeta", "Linear_0/dW", "Linear_0_bias/dW"));
  EXPECT_EQ(run.listener.steps[0].histograms.size(), 5u);
  std::int64_t sum = 0;
  for (const std::int64_t count : run.listener.epochs[0].histograms[0].counts) sum += count;
  EXPECT_EQ(sum, 2 * 3 * 3 * 8);
  EXPECT_THAT(refusal(with(1, {R"({"type": "HistCallback", "config": {"filter_key": ["outputs"]}})"})),
              HasSubstr("unknown filter_key 'outputs'"));
}

TEST(Callbacks, BatchNormTuneGivesTheMeanOfTheBatchesStatistics) {
  ModelSpec spec = spec_with(kMomentum);
  const SmallRun run(with(1, {R"("BatchNormTuneCallback")"}), true, spec);
  // By hand: the outputs of the convolution in prediction are those before the normalisation.
  ModelSpec before = spec;
  before.layers = {part(R"({"type": "Convolution", "config": {"fshape": [3, 3, 8], "init": "GlorotUniform"}})")};
  before.cost = part(R"("SumSquared")");
  const auto parameters = run.plan->export_parameters();
  const auto convolution = plan_for(before, 16);
  convolution->import_parameters({{parameters[0]}});
  std::vector<double> means(8), variances(8);
  Records train(48, 16);
  train.seek(0, 0);
  while (const tensor::Batch* batch = train.next()) {
    const auto y = convolution->infer(batch->inputs);
    for (std::size_t c = 0; c < 8; ++c) {
      double sum = 0, squares = 0;
      for (std::size_t n = 0; n < 16; ++n)
        for (std::size_t p = 0; p < 16; ++p) {
          const double value = y[(n * 8 + c) * 16 + p];
          sum += value;
          squares += value * value;
        }
      means[c] += sum / 256 / 3;
      variances[c] += (squares / 256 - sum / 256 * (sum / 256)) * 256 / 255 / 3;
    }
  }
  ASSERT_EQ(parameters[3].name, "Convolution_0_bnorm/gmean");
  for (std::size_t c = 0; c < 8; ++c) {
    EXPECT_NEAR(parameters[3].values[c], means[c], 1e-5);
    EXPECT_NEAR(parameters[4].values[c], variances[c], 1e-5);
  }
  // Nothing else has moved.
  const SmallRun plain(with(1, {}), true, spec);
  EXPECT_TRUE(same_bits({parameters[0]}, {plain.plan->export_parameters()[0]}));
  spec.layers.erase(spec.layers.begin());
  EXPECT_THROW(SmallRun(with(1, {R"("BatchNormTuneCallback")"}), true, spec), base::Error);
}

/// Every member of the shelf at once: none may forget anything when the training is stopped.
TEST(Callbacks, RememberEverythingThroughCheckpoints) {
  const Samples samples{{"metric", {R"("LogLoss")"}}};
  TrainerOptions options;
  options.epochs = 4;
  for (Part& callback : least_configurations<Callback>(samples)) {
    if (callback.type == "RunTimerCallback") continue;  // tells the time
    if (callback.type == "HistCallback") callback.config["filter_key"] = base::json::array{"W", "dW"};
    options.callbacks.push_back(std::move(callback));
  }
  const SmallRun straight(options);
  std::optional<Checkpoint> last;
  std::vector<StepEvent> steps;
  std::vector<EpochEvent> epochs;
  for (bool done = false; !done;) {
    Records train(48, 16), test(20, 16);
    const auto plan = plan_for(spec_with(kMomentum), 16);
    const auto metric = Shelf<Metric>::instance().make(part(R"("Accuracy")"));
    Listener listener(2);
    Trainer trainer(*plan, train, &test, metric.get(), options);
    if (last) trainer.resume(*last);
    done = trainer.run(listener, listener.stop) == Trainer::Outcome::completed;
    last = listener.checkpoints.back();
    steps.insert(steps.end(), listener.steps.begin(), listener.steps.end());
    epochs.insert(epochs.end(), listener.epochs.begin(), listener.epochs.end());
  }
  const Checkpoint& whole = straight.listener.checkpoints.back();
  EXPECT_TRUE(same_bits(whole.parameters, last->parameters));
  ASSERT_EQ(whole.callbacks.size(), last->callbacks.size());
  for (std::size_t i = 0; i < whole.callbacks.size(); ++i) {
    EXPECT_EQ(base::to_text(whole.callbacks[i].state.values), base::to_text(last->callbacks[i].state.values));
    EXPECT_TRUE(same_bits(whole.callbacks[i].state.tensors, last->callbacks[i].state.tensors));
  }
  ASSERT_EQ(steps.size(), straight.listener.steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i].cost, straight.listener.steps[i].cost) << i;
  ASSERT_EQ(epochs.size(), straight.listener.epochs.size());
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    EXPECT_EQ(epochs[i].metrics, straight.listener.epochs[i].metrics) << i;
    EXPECT_EQ(epochs[i].eval_cost, straight.listener.epochs[i].eval_cost) << i;
    ASSERT_EQ(epochs[i].histograms.size(), straight.listener.epochs[i].histograms.size());
    for (std::size_t h = 0; h < epochs[i].histograms.size(); ++h) {
      EXPECT_EQ(epochs[i].histograms[h].name, straight.listener.epochs[i].histograms[h].name);
      EXPECT_EQ(epochs[i].histograms[h].counts, straight.listener.epochs[i].histograms[h].counts);
    }
  }
}

}  // namespace
}  // namespace neon
