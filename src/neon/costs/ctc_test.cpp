// Against the sum over every single way, its slopes, and PyTorch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "base/error.h"
#include "neon/testing/reference_network.h"
#include "neon/trainer.h"

namespace neon {
namespace {

using ::testing::HasSubstr;
using Labels = std::vector<std::int64_t>;

Part part(std::string_view json) { return Part::from_json(base::parse_json(json, "test"), ""); }

std::shared_ptr<const Cost> ctc(std::int64_t blank = 0) {
  return Shelf<Cost>::instance().make(part(fmt::format(R"({{"type": "CTC", "config": {{"blank": {}}}}})", blank)));
}

/// What a way spells: its classes without repetitions, then without blanks.
Labels spelled(const Labels& way, std::int64_t blank) {
  Labels labels;
  for (std::size_t step = 0; step < way.size(); ++step)
    if (way[step] != blank && (step == 0 || way[step] != way[step - 1])) labels.push_back(way[step]);
  return labels;
}

/// Visits every sequence of `steps` of so many classes.
template <class Visit>
void for_each_way(std::size_t steps, std::int64_t classes, const Visit& visit) {
  Labels way(steps, 0);
  for (;;) {
    visit(way);
    std::size_t step = 0;
    while (step < steps && ++way[step] == classes) way[step++] = 0;
    if (step == steps) return;
  }
}

/// −ln of the probability of all ways that spell the labels, way by way; y is (steps, classes).
double oracle(const std::vector<double>& y, const Labels& labels, std::int64_t classes, std::int64_t blank) {
  double sum = 0;
  const std::size_t each = static_cast<std::size_t>(classes);
  for_each_way(y.size() / each, classes, [&](const Labels& way) {
    if (spelled(way, blank) != labels) return;
    double product = 1;
    for (std::size_t step = 0; step < way.size(); ++step)
      product *= y[step * each + static_cast<std::size_t>(way[step])];
    sum += product;
  });
  return -std::log(sum);
}

std::vector<double> softmax(std::vector<double> x, std::size_t classes) {
  for (std::size_t row = 0; row < x.size(); row += classes) {
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += x[row + c] = std::exp(x[row + c]);
    for (std::size_t c = 0; c < classes; ++c) x[row + c] /= sum;
  }
  return x;
}

/// One-hot rows of labels, padded with the blank.
std::vector<float> target_of(const Labels& labels, std::size_t steps, std::int64_t classes, std::int64_t blank) {
  std::vector<float> t(steps * static_cast<std::size_t>(classes));
  for (std::size_t step = 0; step < steps; ++step)
    t[step * static_cast<std::size_t>(classes) +
      static_cast<std::size_t>(step < labels.size() ? labels[step] : blank)] = 1;
  return t;
}

constexpr std::int64_t kClasses = 3;
constexpr std::size_t kSteps = 5;

/// All that five steps can spell with two labels.
std::set<Labels> all_targets(std::int64_t blank) {
  std::set<Labels> all;
  for_each_way(kSteps, kClasses, [&](const Labels& way) { all.insert(spelled(way, blank)); });
  return all;
}

TEST(Ctc, ValueIsTheSumOverAllWays) {
  const auto y = softmax(testing::random_values(kSteps * kClasses, 3), kClasses);
  const std::vector<float> outputs(y.begin(), y.end());
  for (const std::int64_t blank : {0, 1, 2}) {
    const auto cost = ctc(blank);
    const auto targets = all_targets(blank);
    EXPECT_EQ(targets.size(), 25U);
    double probability = 0;
    for (const Labels& labels : targets) {
      const double value = cost->value(outputs, target_of(labels, kSteps, kClasses, blank), kSteps, kClasses);
      EXPECT_NEAR(value, oracle(y, labels, kClasses, blank), 1e-6) << ::testing::PrintToString(labels);
      probability += std::exp(-value);
    }
    EXPECT_NEAR(probability, 1, 1e-6);
  }
}

TEST(Ctc, GradientsAreTheSlopesOfTheSum) {
  const auto x = testing::random_values(kSteps * kClasses, 8);
  const auto y = softmax(x, kClasses);
  const std::vector<float> outputs(y.begin(), y.end());
  constexpr double kStep = 1e-5;
  for (const std::int64_t blank : {0, 2})
    for (const Labels& labels : all_targets(blank)) {
      SCOPED_TRACE(::testing::PrintToString(labels));
      const auto t = target_of(labels, kSteps, kClasses, blank);
      std::vector<float> dx(x.size()), dy(x.size());
      ctc(blank)->gradient(outputs, t, dx, kSteps, kClasses);
      ctc(blank)->true_gradient(outputs, t, dy, kSteps, kClasses);
      const auto slope = [&](std::vector<double> at, std::size_t i, bool activated) {
        double sides[2];
        for (const int side : {0, 1}) {
          auto moved = at;
          moved[i] += side == 0 ? kStep : -kStep;
          sides[side] = oracle(activated ? softmax(moved, kClasses) : moved, labels, kClasses, blank);
        }
        return (sides[0] - sides[1]) / (2 * kStep);
      };
      for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_NEAR(dx[i], slope(x, i, true), 2e-6) << i;
        const double expected = slope(y, i, false);
        EXPECT_NEAR(dy[i], expected, 1e-5 * (1 + std::abs(expected))) << i;
      }
    }
}

TEST(Ctc, LongSequencesNeitherVanishNorOverflow) {
  constexpr std::int64_t kLong = 2000, kMany = 6;
  auto x = testing::random_values(kLong * kMany, 5);
  for (double& v : x) v *= 20;  // outputs of 0 and of 1 are among them
  const auto y = softmax(x, kMany);
  const std::vector<float> outputs(y.begin(), y.end());
  Labels labels;
  for (std::int64_t i = 0; i < 700; ++i) labels.push_back(1 + i * i % 5);
  const auto t = target_of(labels, kLong, kMany, 0);
  std::vector<float> dx(outputs.size());
  EXPECT_TRUE(std::isfinite(ctc()->value(outputs, t, kLong, kMany)));
  ctc()->gradient(outputs, t, dx, kLong, kMany);
  for (std::size_t row = 0; row < dx.size(); row += kMany) {
    double sum = 0;
    for (std::size_t c = 0; c < kMany; ++c) sum += dx[row + c];
    ASSERT_NEAR(sum, 0, 1e-5) << "step " << row / kMany;
  }
}

TEST(Ctc, ShowsThatOutputsAreNotNumbers) {
  const std::vector<float> y(kSteps * kClasses, std::nanf(""));
  for (const Labels& labels : {Labels{}, Labels{1}, Labels{1, 1, 2}})
    EXPECT_TRUE(std::isnan(ctc()->value(y, target_of(labels, kSteps, kClasses, 0), kSteps, kClasses)));
}

TEST(Ctc, RefusesABlankThatIsNoClass) {
  ctc(2)->check_columns(3);
  EXPECT_THROW(ctc(3)->check_columns(3), base::Error);
  EXPECT_THROW(ctc(-1), base::Error);
}

// torch.nn.CTCLoss(reduction="none") of PyTorch 2.15 in double, of log_softmax(x): four examples of 4 classes and 6
// steps, of which 6, 4, 5 and 2 are real, with the labels 1 2 1, 3, 2 2 and none where the blank is 0, one less where
// it is 3.
const std::vector<float> kX{
    -0.10f, 0.47f,  -1.02f, 0.09f,  0.86f,  -0.37f, 2.11f,  -2.08f, -0.07f, -0.40f, 0.32f,  -0.29f, 1.19f,  0.27f,
    0.75f,  0.54f,  0.34f,  1.21f,  -0.67f, -2.15f, 1.36f,  0.68f,  -0.22f, 0.07f,  0.73f,  2.93f,  2.43f,  -1.55f,
    1.30f,  0.60f,  3.17f,  -0.19f, -0.62f, -0.38f, -0.45f, 0.45f,  0.05f,  -0.09f, 0.56f,  -1.13f, -0.35f, 0.18f,
    0.17f,  0.89f,  -1.25f, 0.08f,  0.86f,  1.07f,  -0.59f, 2.88f,  -0.49f, -0.19f, 0.84f,  -3.02f, 1.65f,  -0.32f,
    1.25f,  -1.68f, -2.14f, 1.08f,  -1.09f, -0.69f, 1.76f,  1.79f,  -0.10f, -0.55f, 0.55f,  -0.33f, -2.06f, 1.81f,
    -1.34f, 1.48f,  0.67f,  -0.03f, -1.46f, -0.64f, -0.82f, -1.03f, -1.17f, -2.45f, 0.24f,  -0.24f, -0.12f, -0.96f,
    2.58f,  0.47f,  -1.81f, -0.21f, 0.43f,  0.43f,  0.39f,  -1.28f, 1.43f,  -0.02f, -0.89f, -0.40f};
struct OfPyTorch {
  std::int64_t blank;
  std::vector<double> values, dx;
};
const std::vector<OfPyTorch> kOfPyTorch{{0,
                                         {4.1141755, 3.5935428, 4.4438223, 3.2662315},
                                         {0.04939644,  -0.0005103978, -0.03083767, -0.08105741, -0.01969182, -0.1983929,
                                          -0.342697,   -0.01469356,   0.05557894,  -0.05494332, -0.221457,   -0.5562533,
                                          0.2537921,   -0.02175902,   -0.5580148,  -0.2258879,  0.1062208,   0.57178,
                                          0.03950848,  0.03696298,    0.5332735,   0.3618886,   0.134928,    0.1828661,
                                          -0.8178875,  -0.143457,     -0.1542366,  -0.04069517, 0,           0,
                                          0.8466647,   0.036106,      0.03860659,  0.2970173,   0,           0,
                                          0.03738631,  0.0399033,     0.1256403,   0.140301,    0,           0,
                                          -0.06616355, 0.06744769,    -0.01001025, -0.3966231,  0,           0,
                                          0.01561781,  -0.08989667,   -0.03064442, -0.06975957, -0.05761654, 0,
                                          0.6649379,   0.03674671,    0.3475447,   0.01421266,  0.0326755,   0,
                                          -0.9018943,  0.01676887,    -0.3295913,  -0.4104288,  -0.04777963, 0,
                                          0.2213386,   0.03638108,    0.012691,    0.4659757,   0.07272067,  0,
                                          -0.884629,   -0.6693283,    0,           0,           0,           0,
                                          0.01832293,  0.02940386,    0,           0,           0,           0,
                                          0.7791105,   0.5451854,     0,           0,           0,           0,
                                          0.08719552,  0.09473903,    0,           0,           0,           0}},
                                        {3,
                                         {6.261002, 7.3088515, 7.5530862, 4.7962315},
                                         {-0.6097924,
                                          -0.3692225,
                                          -0.005388544,
                                          0.04823437,
                                          -0.2493925,
                                          -0.4638956,
                                          0.6368379,
                                          -0.04143343,
                                          -0.2706483,
                                          -0.312207,
                                          -0.02641813,
                                          0.1275814,
                                          0.2537921,
                                          0.4156805,
                                          0.2897546,
                                          0.3146109,
                                          0.2362148,
                                          0.57178,
                                          -0.2808376,
                                          -0.005024623,
                                          -0.01371777,
                                          -0.05063827,
                                          0.0395959,
                                          -0.2354658,
                                          0.07379601,
                                          0.8176701,
                                          0.8151915,
                                          0.09218435,
                                          0,
                                          0,
                                          0.8466647,
                                          0.036106,
                                          0.03860659,
                                          0.2970173,
                                          0,
                                          0,
                                          -0.2125762,
                                          -0.3697096,
                                          -0.751765,
                                          -0.08054872,
                                          0,
                                          0,
                                          -0.7078845,
                                          -0.4840665,
                                          -0.1020332,
                                          -0.3086529,
                                          0,
                                          0,
                                          0.07078829,
                                          0.90149,
                                          0.06100118,
                                          0.06306295,
                                          0.6433093,
                                          0,
                                          -0.1684658,
                                          -0.3050172,
                                          -0.6294868,
                                          -0.01185678,
                                          -0.4061469,
                                          0,
                                          0.04293527,
                                          0.02538222,
                                          0.5787631,
                                          0.4567487,
                                          0.2512945,
                                          0,
                                          0.05474228,
                                          -0.621855,
                                          -0.01027748,
                                          -0.5079549,
                                          -0.4884569,
                                          0,
                                          0.115371,
                                          0.3306717,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0.01832293,
                                          0.02940386,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0.7791105,
                                          0.5451854,
                                          0,
                                          0,
                                          0,
                                          0,
                                          -0.9128045,
                                          -0.905261,
                                          0,
                                          0,
                                          0,
                                          0}}};

constexpr std::int64_t kBatch = 4, kPadded = 6, kColumns = 4;

struct Speech {
  std::vector<float> x = kX;
  std::vector<std::int32_t> lengths{6, 4, 5, 2}, labels;
  explicit Speech(std::int64_t blank = 0) : labels(kBatch * kPadded, static_cast<std::int32_t>(blank)) {
    const std::vector<std::vector<std::int32_t>> of_examples{{1, 2, 1}, {3}, {2, 2}, {}};
    for (std::size_t example = 0; example < of_examples.size(); ++example)
      for (std::size_t i = 0; i < of_examples[example].size(); ++i)
        labels[example * kPadded + i] = of_examples[example][i] - (blank == 0 ? 0 : 1);
  }
  tensor::Batch batch(bool with_lengths = true) {
    tensor::Batch batch;
    batch.count = kBatch;
    batch.inputs = {{tensor::Dtype::f32, {kBatch, kColumns, kPadded}, x.data()}};
    if (with_lengths) batch.inputs.push_back({tensor::Dtype::i32, {kBatch}, lengths.data()});
    batch.targets = {{tensor::Dtype::i32, {kBatch, kPadded}, labels.data()}};
    return batch;
  }
};

PlanOptions options_for(std::int64_t blank) {
  PlanOptions options;
  options.batch_size = kBatch;
  options.input_gradient = true;
  options.costs = {{ctc(blank), "CTC", 0}};
  options.targets = {{"", {kPadded}, tensor::Dtype::i32}};
  return options;
}

/// A Softmax of each step, which takes the short cut unless something follows it.
std::unique_ptr<Plan> plan_of_softmax(std::int64_t blank, bool short_cut = true, bool with_lengths = true) {
  ModelSpec spec;
  if (with_lengths) spec.layers.push_back(part(R"({"type": "SequenceLengths"})"));
  spec.layers.push_back(part(R"({"type": "Activation", "config": {"transform": "Softmax"}})"));
  if (!short_cut) spec.layers.push_back(part(R"({"type": "Activation", "config": {"transform": "Identity"}})"));
  std::vector<TensorSpec> in{{{kColumns, kPadded}}};
  if (with_lengths) in.push_back({{}, tensor::Dtype::i32});
  return compile(build_graph(spec, in), options_for(blank));
}

TEST(Ctc, IsThatOfPyTorch) {
  for (const OfPyTorch& expected : kOfPyTorch)
    for (const bool short_cut : {true, false}) {
      Speech speech(expected.blank);
      std::vector<std::int32_t> longer(kBatch, kPadded);
      const auto plan = plan_of_softmax(expected.blank, short_cut);
      speech.lengths.swap(longer);
      plan->train_step(speech.batch(), {});  // leaves errors where there is padding after it
      speech.lengths.swap(longer);
      double mean = 0;
      for (const double value : expected.values) mean += value / kBatch;
      EXPECT_NEAR(plan->train_step(speech.batch(), {}), mean, 1e-6);
      testing::expect_near(expected.dx, plan->export_input_gradient(), 1e-6, "gradient");
      EXPECT_NEAR(plan->compare(speech.batch()).cost, mean, 1e-6);
      auto first_two = speech.batch();
      first_two.count = 2;
      EXPECT_NEAR(plan->compare(first_two).cost, (expected.values[0] + expected.values[1]) / 2, 1e-6);
    }
}

TEST(Ctc, WithoutLengthsAllStepsAreReal) {
  Speech speech;
  speech.lengths.assign(kBatch, kPadded);
  const auto with = plan_of_softmax(0), without = plan_of_softmax(0, true, false);
  EXPECT_EQ(with->train_step(speech.batch(), {}), without->train_step(speech.batch(false), {}));
  EXPECT_EQ(with->export_input_gradient(), without->export_input_gradient());
}

std::string refusal_of(const std::function<void()>& what) {
  try {
    what();
    return "accepted";
  } catch (const base::Error& error) {
    return error.message;
  }
}

TEST(Ctc, SequencesTooShortForTheirTargetsAreNamed) {
  Speech speech;
  speech.lengths[2] = 2;
  const auto plan = plan_of_softmax(0);
  constexpr std::string_view kExpected =
      "example 2 of the batch has a target that needs 3 time steps, but its sequence has 2";
  EXPECT_THAT(refusal_of([&] { plan->train_step(speech.batch(), {}); }), HasSubstr(std::string(kExpected)));
  EXPECT_THAT(refusal_of([&] { plan->compare(speech.batch()); }), HasSubstr(std::string(kExpected)));
  speech.lengths[2] = 3;
  EXPECT_TRUE(std::isfinite(plan->train_step(speech.batch(), {})));
  speech.labels[6] = 4;
  EXPECT_THAT(refusal_of([&] { plan->train_step(speech.batch(), {}); }), HasSubstr("class index 4"));
}

TEST(Ctc, CannotBeMasked) {
  auto options = options_for(0);
  options.costs = cost_terms(part(R"({"type": "GeneralizedCostMask", "config": {"costfunc": "CTC"}})"));
  const Graph graph = plan_of_softmax(0)->graph();
  EXPECT_THAT(refusal_of([&] { compile(graph, options); }), HasSubstr("cannot be masked"));
}

/// The same batch again and again.
class Repeated final : public tensor::BatchSource {
 public:
  Repeated() : batch_(speech_.batch()) {
    info_.inputs = {{"", {kColumns, kPadded}}, {"", {}, tensor::Dtype::i32}};
    info_.targets = {{"", {kPadded}, tensor::Dtype::i32}};
    info_.record_count = info_.batch_size = kBatch;
  }
  const tensor::SourceInfo& info() const override { return info_; }
  void seek(std::int64_t, std::int64_t batch) override { next_ = batch; }
  const tensor::Batch* next() override { return next_++ == 0 ? &batch_ : nullptr; }
  Speech& speech() { return speech_; }

 private:
  Speech speech_;
  tensor::Batch batch_;
  tensor::SourceInfo info_;
  std::int64_t next_ = 0;
};

struct LastEpoch final : TrainingEvents {
  void on_epoch(const EpochEvent& event) override { last = event; }
  EpochEvent last;
};

TEST(Ctc, TrainingLearnsToSpellAndIsEvaluatedByItsCost) {
  ModelSpec spec;
  spec.layers = {
      part(R"({"type": "SequenceLengths"})"),
      part(
          R"({"type": "BiLSTM", "config": {"output_size": 8, "init": "GlorotUniform", "activation": "Tanh", "gate_activation": "Logistic"}})"),
      part(
          R"({"type": "Affine", "config": {"nout": 4, "init": "GlorotUniform", "bias": "Constant", "activation": "Softmax"}})")};
  Repeated source;
  const std::vector<TensorSpec> in{{{kColumns, kPadded}}, {{}, tensor::Dtype::i32}};
  auto options = options_for(0);
  options.optimizer = Shelf<Optimizer>::instance().make(part(R"({"type": "Adam", "config": {"learning_rate": 0.02}})"));
  const auto plan = compile(build_graph(spec, in), options);
  const auto metric = Shelf<Metric>::instance().make(part(R"("Misclassification")"));
  LastEpoch heard;
  TrainerOptions how;
  how.epochs = 150;
  how.evaluate_every = 150;
  Trainer(*plan, source, &source, metric.get(), how).run(heard, {false});
  EXPECT_LT(*heard.last.eval_cost, 0.1);
  EXPECT_TRUE(heard.last.metrics.empty());
  const auto y = plan->infer(source.speech().batch().inputs);
  const std::vector<Labels> expected{{1, 2, 1}, {3}, {2, 2}, {}};
  for (std::size_t example = 0; example < expected.size(); ++example) {
    Labels way;
    for (std::int32_t step = 0; step < source.speech().lengths[example]; ++step) {
      const auto at = [&](std::int64_t c) {
        return y[(example * kColumns + static_cast<std::size_t>(c)) * kPadded + static_cast<std::size_t>(step)];
      };
      std::int64_t best = 0;
      for (std::int64_t c = 1; c < kColumns; ++c)
        if (at(c) > at(best)) best = c;
      way.push_back(best);
    }
    EXPECT_EQ(spelled(way, 0), expected[example]);
  }

  // The likeliest ways spell the targets; without any blank they would not.
  const std::atomic<bool> never{false};
  const auto errors = [&](std::string_view config) {
    const auto measured =
        Shelf<Metric>::instance().make(part(fmt::format(R"({{"type": "LabelErrorRate", "config": {}}})", config)));
    return evaluate(*plan, source, {measured.get()}, never)->metrics;
  };
  using Figures = std::vector<std::pair<std::string, double>>;
  EXPECT_EQ(errors("{}"), (Figures{{"LabelErrorRate", 0}}));
  EXPECT_EQ(errors(R"({"space": 3})"), (Figures{{"LabelErrorRate", 0}, {"WordErrorRate", 0}}));
  EXPECT_GT(errors(R"({"blank": 1})")[0].second, 0.1);

  how.callbacks = {part(R"({"type": "MetricCallback", "config": {"metric": "LabelErrorRate"}})")};
  how.epochs = how.evaluate_every.emplace(1);
  Trainer(*plan, source, &source, metric.get(), how).run(heard, {false});
  EXPECT_EQ(heard.last.metrics.size(), 1u);

  how.callbacks = {part(R"({"type": "MetricCallback", "config": {"metric": "Misclassification"}})")};
  EXPECT_THAT(refusal_of([&] { Trainer(*plan, source, &source, metric.get(), how); }),
              HasSubstr("compares whole sequences; leave the callback out"));
}

}  // namespace
}  // namespace neon
