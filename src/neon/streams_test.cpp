// Of data whose rows go on from batch to batch, recurrent layers go on from their states.
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "neon/onnx.h"
#include "neon/testing/reference_network.h"
#include "neon/testing/small_training.h"

namespace neon {
namespace {

using namespace testing;
using ::testing::HasSubstr;

constexpr std::int64_t kRows = 3, kFeatures = 2, kSteps = 4, kUnits = 5;

std::string recurrent(std::string_view type, bool reset_cells = false) {
  return fmt::format(
      R"({{"type": "{}", "config": {{"output_size": {}, "init": "Gaussian", "activation": "Tanh", "reset_cells": {} {}}}}})",
      type, kUnits, reset_cells, type == "Recurrent" || type == "BiRNN" ? "" : R"(, "gate_activation": "Logistic")");
}

std::unique_ptr<Plan> plan_of(const std::vector<std::string>& layers, std::int64_t steps, bool streams,
                              const std::vector<TensorSpec>& in = {}) {
  ModelSpec spec;
  for (const std::string& layer : layers) spec.layers.push_back(part(layer));
  PlanOptions options;
  options.batch_size = kRows;
  options.streams = streams;
  options.costs = {{std::make_shared<Probe>(), "Probe", 0}};
  const Graph graph = build_graph(spec, in.empty() ? std::vector{TensorSpec{{kFeatures, steps}}} : in);
  options.targets = {{"", graph.out_shape()}};
  return compile(graph, options);
}

/// Steps [begin, end) of sequences (rows, features, steps).
std::vector<float> steps_of(const std::vector<float>& all, std::int64_t steps, std::int64_t begin, std::int64_t end) {
  std::vector<float> part;
  for (std::size_t row = 0; row < all.size() / static_cast<std::size_t>(steps); ++row)
    part.insert(part.end(), all.begin() + static_cast<std::int64_t>(row) * steps + begin,
                all.begin() + static_cast<std::int64_t>(row) * steps + end);
  return part;
}

std::vector<float> numbers(std::int64_t count, std::uint64_t seed) {
  const auto values = random_values(static_cast<std::size_t>(count), seed);
  return {values.begin(), values.end()};
}

tensor::Tensor sequences(std::vector<float>& values, std::int64_t features, std::int64_t steps) {
  return {tensor::Dtype::f32, {kRows, features, steps}, values.data()};
}

std::vector<float> infer(Plan& plan, std::vector<float> x, std::int64_t steps) {
  const auto out = plan.infer(sequences(x, kFeatures, steps));
  return {out.begin(), out.end()};
}

void expect_near_all(const std::vector<float>& expected, const std::vector<float>& got, std::string_view what) {
  expect_near({expected.begin(), expected.end()}, got, 1e-5, std::string(what));
}

class Streams : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Cells, Streams, ::testing::Values("Recurrent", "LSTM", "GRU"));

TEST_P(Streams, TwoBatchesGiveWhatOneTwiceAsLongDoes) {
  const std::vector<std::string> layers{recurrent(GetParam()), recurrent(GetParam())};
  const auto whole = plan_of(layers, 2 * kSteps, false), halves = plan_of(layers, kSteps, true);
  const std::vector<float> x = numbers(kRows * kFeatures * 2 * kSteps, 3);
  const std::vector<float> expected = infer(*whole, x, 2 * kSteps);
  for (int again = 0; again < 2; ++again) {
    for (const std::int64_t begin : {std::int64_t{0}, kSteps})
      expect_near_all(steps_of(expected, 2 * kSteps, begin, begin + kSteps),
                      infer(*halves, steps_of(x, 2 * kSteps, begin, begin + kSteps), kSteps), "outputs");
    halves->forget_states();
  }
}

/// A decoder that starts from an encoder's states is what a second batch is, and no gradient goes back into the first.
TEST_P(Streams, GradientsOfTheSecondBatchAreThoseFromItsFirstState) {
  const auto plan = plan_of({recurrent(GetParam())}, kSteps, true);
  const auto pair =
      plan_of({fmt::format(R"({{"type": "Seq2Seq", "config": {{"layers": [[{0}], [{0}]]}}}})", recurrent(GetParam()))},
              kSteps, false, {{{kFeatures, kSteps}}, {{kFeatures, kSteps}}});
  auto weights = pair->export_parameters();
  ASSERT_EQ(weights.size(), 2u);
  weights[0].values = weights[1].values = plan->export_parameters()[0].values;
  pair->import_parameters(weights);
  std::vector<float> a = numbers(kRows * kFeatures * kSteps, 4), b = numbers(kRows * kFeatures * kSteps, 5),
                     errors = numbers(kRows * kUnits * kSteps, 6);
  tensor::Batch batch;
  batch.count = kRows;
  batch.targets = {sequences(errors, kUnits, kSteps)};
  for (std::vector<float>* x : {&a, &b}) {
    batch.inputs = {sequences(*x, kFeatures, kSteps)};
    plan->train_step(batch, {});
    infer(*plan, a, kSteps);  // predictions have states of their own
  }
  batch.inputs = {sequences(a, kFeatures, kSteps), sequences(b, kFeatures, kSteps)};
  pair->train_step(batch, {});
  expect_near_all(pair->export_gradients()[1].values, plan->export_gradients()[0].values, "gradient of the weights");
}

TEST_P(Streams, LayersThatResetTheirCellsForget) {
  for (const std::string& layer : {recurrent(GetParam(), true), recurrent("BiRNN")}) {
    const auto plan = plan_of({layer}, kSteps, true);
    const std::vector<float> x = numbers(kRows * kFeatures * kSteps, 7), first = infer(*plan, x, kSteps);
    EXPECT_EQ(infer(*plan, x, kSteps), first);
    EXPECT_TRUE(plan->export_carried_states().empty());
  }
}

/// One long sequence of tokens, each row a stretch of it; the target of a step is its token.
class LongText final : public tensor::BatchSource {
 public:
  LongText(std::int64_t batch_size, std::int64_t batches, bool streams = true) {
    info_.inputs = {{"", {1, kSteps}}};
    info_.targets = {{"", {1, kSteps}}};
    info_.record_count = batch_size * batches;
    info_.batch_size = batch_size;
    info_.streams = streams;
    input_.resize(static_cast<std::size_t>(batch_size * kSteps));
    target_.resize(input_.size());
    batch_.count = batch_size;
    batch_.inputs = {{tensor::Dtype::f32, {batch_size, 1, kSteps}, input_.data()}};
    batch_.targets = {{tensor::Dtype::f32, {batch_size, 1, kSteps}, target_.data()}};
  }
  const tensor::SourceInfo& info() const override { return info_; }
  void seek(std::int64_t, std::int64_t batch) override { next_ = batch; }
  const tensor::Batch* next() override {
    if (next_ >= info_.batches_per_epoch()) return nullptr;
    for (std::int64_t row = 0; row < info_.batch_size; ++row)
      for (std::int64_t t = 0; t < kSteps; ++t) {
        const auto at = static_cast<double>((row * info_.batches_per_epoch() + next_) * kSteps + t);
        input_[static_cast<std::size_t>(row * kSteps + t)] = static_cast<float>(std::sin(0.9 * at));
        target_[static_cast<std::size_t>(row * kSteps + t)] = static_cast<float>(std::sin(0.9 * (at - 3)));
      }
    ++next_;
    return &batch_;
  }

 private:
  tensor::SourceInfo info_;
  std::int64_t next_ = 0;
  std::vector<float> input_, target_;
  tensor::Batch batch_;
};

ModelSpec text_spec() {
  ModelSpec spec;
  spec.layers = {part(recurrent("LSTM")), part(recurrent("GRU")),
                 part(R"({"type": "Affine", "config": {"nout": 1, "init": "Gaussian", "activation": "Identity"}})")};
  spec.cost = part(R"("MeanSquared")");
  spec.optimizer = part(kMomentum);
  spec.metric = part(R"("Misclassification")");
  return spec;
}

std::unique_ptr<Plan> plan_for(const ModelSpec& spec, const tensor::SourceInfo& info) {
  PlanOptions options;
  options.batch_size = info.batch_size;
  options.targets = info.targets;
  options.streams = info.streams;
  options.seed = 5;
  options.costs = cost_terms(spec.cost, build_graph(spec, info.inputs));
  options.optimizer = Shelf<Optimizer>::instance().make(spec.optimizer);
  return compile(build_graph(spec, info.inputs), options);
}

TEST(StreamTraining, StoppingAnywhereChangesNoBitOfTheResult) {
  const ModelSpec spec = text_spec();
  TrainerOptions options;
  options.epochs = 2;
  LongText data(4, 5), test(4, 2);
  Listener straight;
  const auto plan = plan_for(spec, data.info());
  Trainer trainer(*plan, data, &test, nullptr, options);
  trainer.run(straight, straight.stop);
  const Checkpoint& end = straight.checkpoints.back();
  EXPECT_TRUE(end.carried_states.empty());  // an epoch begins anew

  for (const std::int64_t stop_after : {1, 4, 5, 8}) {
    SCOPED_TRACE(stop_after);
    Listener first(stop_after), second;
    const auto before_plan = plan_for(spec, data.info()), after_plan = plan_for(spec, data.info());
    Trainer before(*before_plan, data, &test, nullptr, options), after(*after_plan, data, &test, nullptr, options);
    before.run(first, first.stop);
    Checkpoint stopped = first.checkpoints.back();
    EXPECT_EQ(stopped.carried_states.size(), stop_after == 5 ? 0u : 2u);
    stopped.spec = spec;
    const base::TemporaryFolder folder;
    write_checkpoint(stopped, folder.path() / "checkpoint");
    after.resume(read_checkpoint(folder.path() / "checkpoint"));
    after.run(second, second.stop);
    EXPECT_TRUE(same_bits(end.parameters, second.checkpoints.back().parameters));
    EXPECT_EQ(straight.epochs.back().cost, second.epochs.back().cost);
    EXPECT_EQ(straight.epochs.back().eval_cost, second.epochs.back().eval_cost);
  }
}

TEST(StreamTraining, EvaluationsChangeNothingAndBeginAnew) {
  const ModelSpec spec = text_spec();
  LongText data(4, 5), test(4, 2);
  Listener with, without;
  for (const bool evaluates : {true, false}) {
    const auto plan = plan_for(spec, data.info());
    Trainer trainer(*plan, data, evaluates ? &test : nullptr, nullptr, {.epochs = 2});
    Listener& listener = evaluates ? with : without;
    trainer.run(listener, listener.stop);
    if (!evaluates) continue;
    EXPECT_EQ(evaluate(*plan, test, {}, listener.stop)->cost, with.epochs.back().eval_cost);
  }
  EXPECT_TRUE(same_bits(with.checkpoints.back().parameters, without.checkpoints.back().parameters));
}

std::string refusal_of(const std::function<void()>& action) {
  try {
    action();
    return "accepted";
  } catch (const base::Error& error) {
    return error.message;
  }
}

TEST(StreamTraining, RefusesToGoOnWhereRowsAreOthers) {
  const ModelSpec spec = text_spec();
  LongText data(4, 6), wider(6, 4), single(4, 6, false);
  const auto plan = plan_for(spec, data.info());
  Listener first(3);
  Trainer before(*plan, data, nullptr, nullptr, {.epochs = 2});
  before.run(first, first.stop);
  const Checkpoint within = first.checkpoints.back();
  const auto resumed_on = [&](tensor::BatchSource& source) {
    return refusal_of([&] {
      const auto other = plan_for(spec, source.info());
      Trainer trainer(*other, source, nullptr, nullptr, {.epochs = 2});
      trainer.resume(within);
    });
  };
  EXPECT_EQ(resumed_on(data), "accepted");
  EXPECT_THAT(resumed_on(wider), HasSubstr("Resume with batch_size 4"));
  EXPECT_THAT(resumed_on(single), HasSubstr("an epoch of streams, this training is of single records"));
  EXPECT_THAT(refusal_of([&] { const Trainer trainer(*plan, single, nullptr, nullptr, {}); }),
              HasSubstr("rows do not go on"));
}

TEST(StreamTraining, TheModelIsNotExportedAsOneThatForgets) {
  ModelSpec spec = text_spec();
  LongText data(4, 2);
  const auto export_of = [&](const ModelSpec& of) {
    const auto plan = plan_for(of, data.info());
    Listener listener;
    Trainer trainer(*plan, data, nullptr, nullptr, {.epochs = 1});
    trainer.run(listener, listener.stop);
    Checkpoint checkpoint = listener.checkpoints.back();
    checkpoint.spec = of;
    return refusal_of([&] { onnx_of(checkpoint); });
  };
  EXPECT_THAT(export_of(spec), HasSubstr("layer 'LSTM_0' (LSTM) cannot be said in ONNX: it was trained to carry"));
  spec.layers[0] = part(recurrent("LSTM", true));
  spec.layers[1] = part(recurrent("GRU", true));
  EXPECT_EQ(export_of(spec), "accepted");
}

}  // namespace
}  // namespace neon
