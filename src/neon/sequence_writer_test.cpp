// Sequences that models write: the quick way against whole sequences computed again for each token, the search against
// all sequences there are, and both against PyTorch.
#include "neon/sequence_writer.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/error.h"
#include "neon/plan.h"
#include "neon/testing/small_training.h"

namespace neon {
namespace {

using ::testing::HasSubstr;
using testing::part;

constexpr std::int64_t kTokens = 5, kSteps = 6, kReads = 4;

std::string cell(std::string_view type, std::int64_t units = 4) {
  return fmt::format(
      R"({{"type": "{}", "config": {{"output_size": {}, "init": "Gaussian", "activation": "Tanh" {}}}}})", type, units,
      type == "Recurrent" ? "" : R"(, "gate_activation": "Logistic")");
}
std::string table(std::int64_t tokens = kTokens) {
  return fmt::format(
      R"({{"type": "LookupTable", "config": {{"vocab_size": {}, "embedding_dim": 4, "init": {{"type": "Gaussian", "config": {{"scale": 1}}}}}}}})",
      tokens);
}
std::string softmax(std::int64_t tokens = kTokens) {
  return fmt::format(
      R"({{"type": "Affine", "config": {{"nout": {}, "init": {{"type": "Gaussian", "config": {{"scale": 2}}}}, "bias": "Gaussian", "activation": "Softmax"}}}})",
      tokens);
}
std::string seq2seq(const std::string& encoder, const std::string& decoder) {
  return fmt::format(R"({{"type": "Seq2Seq", "config": {{"layers": [[{}], [{}]]}}}})", encoder, decoder);
}

const TensorSpec kNumbers{{kSteps}, tensor::Dtype::i32}, kRead{{kReads}, tensor::Dtype::i32},
    kLength{{1}, tensor::Dtype::i32};

Checkpoint model(const std::vector<std::string>& layers, const std::vector<TensorSpec>& in, std::uint64_t seed = 3) {
  Checkpoint checkpoint;
  for (const std::string& layer : layers) checkpoint.spec.layers.push_back(part(layer));
  for (const TensorSpec& spec : in) checkpoint.inputs.push_back({"", spec.shape, spec.dtype});
  PlanOptions options;
  options.batch_size = 1;
  options.seed = seed;
  const auto plan = compile(build_graph(checkpoint.spec, checkpoint.inputs), options);
  checkpoint.parameters = plan->export_parameters();
  return checkpoint;
}

struct Case {
  std::string name;
  std::vector<std::string> layers;
  std::vector<TensorSpec> in;
  bool goes_on_from_states = true;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::vector<Case> cases() {
  const std::string memory = R"({"type": "BranchNode", "config": {"name": "read"}})";
  const std::string sees =
      R"({"type": "MultiHeadAttention", "config": {"heads": 2, "init": "Gaussian", "memory": "read"}})";
  const std::string block = R"({"type": "TransformerBlock", "config": {"heads": 2, "hidden": 6, "init": "Gaussian",
                                                                       "causal": true}})";
  const std::string decoder_block = R"({"type": "TransformerBlock", "config": {"heads": 2, "hidden": 6,
                                        "init": "Gaussian", "causal": true, "memory": "read"}})";
  const std::string positions = R"({"type": "PositionEncoding", "config": {}})";
  return {
      {"Lookup", {table(), cell("LSTM"), R"({"type": "Dropout", "config": {}})", cell("GRU"), softmax()}, {kNumbers}},
      {"OneHot", {cell("Recurrent"), R"({"type": "LayerNorm", "config": {}})", softmax()}, {{{kTokens, kSteps}}}},
      {"Skip",
       {table(),
        fmt::format(
            R"({{"type": "MergeSum", "config": {{"layers": [[{}], [{{"type": "SkipNode", "config": {{}}}}]]}}}})",
            cell("LSTM")),
        softmax()},
       {kNumbers}},
      {"Seq2Seq",
       {seq2seq(table(7) + "," + cell("LSTM") + "," + cell("LSTM"),
                table() + "," + cell("LSTM") + "," + cell("LSTM") + "," + softmax())},
       {kRead, kNumbers}},
      {"Seq2SeqOfNumbers", {seq2seq(cell("GRU"), table() + "," + cell("GRU") + "," + softmax())}, {{{2, 3}}, kNumbers}},
      {"Lengths",
       {R"({"type": "SequenceLengths"})",
        seq2seq(table(7) + "," + cell("GRU"), table() + "," + cell("GRU") + "," + softmax())},
       {kRead, kLength, kNumbers, kLength}},
      {"RecurrentThatSees",
       {seq2seq(table(7) + "," + cell("GRU") + "," + memory,
                table() + "," + cell("GRU") + "," + sees + "," + softmax())},
       {kRead, kNumbers}},
      {"Transformer", {table(), positions, block, softmax()}, {kNumbers}, false},
      {"TransformerOfLengths",
       {R"({"type": "SequenceLengths"})", table(), positions, block, softmax()},
       {kNumbers, kLength},
       false},
      {"TransformerDecoder",
       {seq2seq(table(7) + "," + positions + "," + memory,
                table() + "," + positions + "," + decoder_block + "," + softmax())},
       {kRead, kNumbers},
       false},
  };
}

/// One sample of each input.
class Sample {
 public:
  explicit Sample(const Checkpoint& checkpoint) {
    for (const tensor::Column& input : checkpoint.inputs) {
      const std::int64_t count = tensor::element_count(input.shape);
      auto& numbers = numbers_.emplace_back(static_cast<std::size_t>(count));
      for (std::int64_t i = 0; i < count; ++i) {
        const auto whole = static_cast<std::int32_t>(count == 1 ? 3 : (i * 5 + 2) % 4);
        const auto real = static_cast<float>(std::sin(static_cast<double>(i)));
        std::memcpy(&numbers[static_cast<std::size_t>(i)],
                    input.dtype == tensor::Dtype::i32 ? static_cast<const void*>(&whole) : &real, 4);
      }
    }
    for (const auto& numbers : numbers_) data_.push_back(reinterpret_cast<const std::byte*>(numbers.data()));
  }
  std::span<const std::byte* const> data() const { return data_; }

 private:
  std::vector<std::vector<float>> numbers_;
  std::vector<const std::byte*> data_;
};

class Writes : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Models, Writes, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Writes, GoingOnFromStatesIsComputingAllAgain) {
  const Checkpoint checkpoint = model(GetParam().layers, GetParam().in);
  const Graph graph = build_graph(checkpoint.spec, checkpoint.inputs);
  EXPECT_EQ(telling_of(graph).needs_all.empty(), GetParam().goes_on_from_states);
  const Sample sample(checkpoint);
  const auto quick = make_stepper(graph, checkpoint.parameters, {.rows = 3}),
             slow = make_stepper(graph, checkpoint.parameters, {.rows = 3, .repeats = true});
  EXPECT_EQ(quick->limit().has_value(), !GetParam().goes_on_from_states);
  EXPECT_EQ(slow->limit(), kSteps);
  const std::vector<std::vector<std::int32_t>> told{{0, 0, 0}, {1, 2, 3}, {4, 0, 4}, {2, 2, 1}, {3, 1, 0}};
  for (int again = 0; again < 2; ++again) {
    quick->begin(sample.data());
    slow->begin(sample.data());
    for (const std::vector<std::int32_t>& tokens : told) {
      const auto a = quick->tell(tokens), b = slow->tell(tokens);
      ASSERT_EQ(a.size(), static_cast<std::size_t>(3 * kTokens));
      for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5);
      const std::vector<std::size_t> from{2, 0, 2};
      quick->follow(from);
      slow->follow(from);
    }
  }
}

/// The probability of all tokens of a sequence, each given those before it.
double log_probability(Stepper& stepper, const Sample& sample, std::vector<std::int32_t> told,
                       const std::vector<std::int32_t>& tokens) {
  stepper.begin(sample.data());
  std::span<const float> next;
  for (const std::int32_t token : told) next = stepper.tell(std::vector{token});
  double sum = 0;
  for (const std::int32_t token : tokens) {
    sum += std::log(static_cast<double>(next[static_cast<std::size_t>(token)]));
    next = stepper.tell(std::vector{token});
  }
  return sum;
}

TEST_P(Writes, AsManyBeamsAsThereAreSequencesFindTheLikeliest) {
  const Checkpoint checkpoint = model(GetParam().layers, GetParam().in, 8);
  const Graph graph = build_graph(checkpoint.spec, checkpoint.inputs);
  const Sample sample(checkpoint);
  const auto stepper = make_stepper(graph, checkpoint.parameters, {.repeats = true});
  constexpr std::int32_t kEnd = 2;
  const std::vector<std::int32_t> told{1, 4};
  // Every sequence of up to 3 tokens, with its end where it has fewer.
  std::vector<std::int32_t> likeliest;
  double highest = -HUGE_VAL;
  const std::function<void(std::vector<std::int32_t>)> visit = [&](const std::vector<std::int32_t>& tokens) {
    std::vector<std::int32_t> whole = tokens;
    if (tokens.size() < 3) whole.push_back(kEnd);
    if (const double log = log_probability(*stepper, sample, told, whole); log > highest) {
      highest = log;
      likeliest = tokens;
    }
    if (tokens.size() == 3) return;
    for (std::int32_t token = 0; token < kTokens; ++token) {
      if (token == kEnd) continue;
      std::vector<std::int32_t> longer = tokens;
      longer.push_back(token);
      visit(longer);
    }
  };
  visit({});
  SequenceWriter writer(checkpoint);
  const auto found = writer.write(sample.data(), told, {.num_beams = 100, .steps = 3, .end = kEnd});
  ASSERT_GT(found.size(), 60u);
  EXPECT_EQ(found.front().tokens, likeliest);
  EXPECT_NEAR(found.front().log_probability, highest, 1e-4);
  EXPECT_EQ(found.front().ended, likeliest.size() < 3);
  for (std::size_t i = 1; i < found.size(); ++i) EXPECT_LE(found[i].log_probability, found[i - 1].log_probability);
}

TEST_P(Writes, OneBeamTakesTheLikeliestTokenEachTime) {
  const Checkpoint checkpoint = model(GetParam().layers, GetParam().in, 8);
  const Sample sample(checkpoint);
  const auto stepper = make_stepper(build_graph(checkpoint.spec, checkpoint.inputs), checkpoint.parameters, {});
  stepper->begin(sample.data());
  std::vector<std::int32_t> expected;
  std::int32_t token = 3;
  for (int step = 0; step < 5; ++step) {
    const auto next = stepper->tell(std::vector{token});
    token = static_cast<std::int32_t>(std::max_element(next.begin(), next.end()) - next.begin());
    expected.push_back(token);
  }
  SequenceWriter writer(checkpoint);
  const std::vector<std::int32_t> told{3};
  const auto found = writer.write(sample.data(), told, {.steps = 5});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].tokens, expected);
  EXPECT_EQ(found[0].probabilities.size(), 5u);
  EXPECT_EQ(writer.write(sample.data(), told, {.steps = 5, .temperature = 1e-3, .seed = 4})[0].tokens, expected);
  const auto cut = writer.write(sample.data(), told, {.steps = 5, .end = expected[2]});
  const auto end = std::find(expected.begin(), expected.end(), expected[2]);
  EXPECT_EQ(cut[0].tokens, std::vector<std::int32_t>(expected.begin(), end));
  EXPECT_TRUE(cut[0].ended);
}

TEST(SequenceWriter, DrawsByProbability) {
  const Checkpoint checkpoint = model({table(), cell("LSTM"), softmax()}, {kNumbers});
  SequenceWriter writer(checkpoint);
  const std::vector<std::int32_t> told{1};
  const auto stepper = make_stepper(writer.graph(), checkpoint.parameters, {});
  stepper->begin({});
  const auto next = stepper->tell(told);
  std::vector<double> counts(kTokens);
  constexpr int kDraws = 2000;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed)
    ++counts[static_cast<std::size_t>(
        writer.write({}, told, {.steps = 1, .temperature = 1, .seed = seed})[0].tokens[0])];
  for (std::size_t token = 0; token < counts.size(); ++token) EXPECT_NEAR(counts[token] / kDraws, next[token], 0.04);
  const WritingOptions options{.steps = 50, .temperature = 1, .seed = 7};
  EXPECT_EQ(writer.write({}, told, options)[0].tokens, writer.write({}, told, options)[0].tokens);
}

std::string refusal_of(const std::function<void()>& action) {
  try {
    action();
    return "accepted";
  } catch (const base::Error& error) {
    return error.message;
  }
}

TEST(SequenceWriter, RefusesModelsThatDoNotWrite) {
  const auto refusal = [](const std::vector<std::string>& layers, const std::vector<TensorSpec>& in) {
    const Checkpoint checkpoint = model(layers, in);
    return refusal_of([&] { SequenceWriter(checkpoint, {}); });
  };
  const std::string both =
      R"({"type": "BiLSTM", "config": {"output_size": 2, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic"}})";
  EXPECT_THAT(refusal({table(), both, softmax()}, {kNumbers}),
              HasSubstr("layer 'BiLSTM_0' sees steps that come later"));
  EXPECT_THAT(refusal({table(), cell("GRU"), softmax(3)}, {kNumbers}),
              HasSubstr("gives 3 numbers for each step, but reads 5 tokens"));
  EXPECT_THAT(refusal({cell("GRU"), softmax()}, {{{2, kSteps}}}),
              HasSubstr("gives 5 numbers for each step, but reads 2 tokens"));
  EXPECT_THAT(refusal({table(), cell("GRU", kTokens)}, {kNumbers}), HasSubstr("is no Softmax"));
  EXPECT_THAT(refusal({table(), cell("GRU"), R"({"type": "RecurrentLast"})", softmax()}, {kNumbers}),
              HasSubstr("no sequence"));
  EXPECT_THAT(
      refusal({table(), R"({"type": "MultiHeadAttention", "config": {"heads": 1, "init": "Gaussian"}})", softmax()},
              {kNumbers}),
      HasSubstr("sees steps that come later"));
}

TEST(SequenceWriter, RefusesOptionsThatMakeNoSense) {
  SequenceWriter writer(
      model({table(),
             R"({"type": "TransformerBlock", "config": {"heads": 1, "hidden": 3, "init": "Gaussian", "causal": true}})",
             softmax()},
            {kNumbers}));
  const auto refusal = [&](std::vector<std::int32_t> told, const WritingOptions& options) {
    return refusal_of([&] { writer.write(std::vector<const std::byte*>{nullptr}, told, options); });
  };
  EXPECT_THAT(refusal({}, {}), HasSubstr("must be told a token"));
  EXPECT_THAT(refusal({5}, {}), HasSubstr("tokens from 0 to 4, got 5"));
  EXPECT_THAT(refusal({1}, {.num_beams = 0}), HasSubstr("num_beams must be from 1 to 1024, got 0"));
  EXPECT_THAT(refusal({1}, {.steps = 0}), HasSubstr("steps must be from 1"));
  EXPECT_THAT(refusal({1}, {.num_beams = 2, .temperature = 1}), HasSubstr("not both"));
  EXPECT_THAT(refusal({1, 1, 1, 1, 1, 1, 1}, {}), HasSubstr("takes sequences of 6 tokens, but is told 7"));
  // All steps told: one token more comes out.
  const std::vector<std::int32_t> all{1, 1, 1, 1, 1, 1};
  EXPECT_EQ(writer.write(std::vector<const std::byte*>{nullptr}, all, {})[0].tokens.size(), 1u);
}

// A search written in Python over PyTorch 2.15's LSTMCell in double, with the same weights. Token 4 ends.
TEST(SequenceWriter, AgreesWithPyTorch) {
  Checkpoint checkpoint =
      model({seq2seq(table(6) + "," + cell("LSTM"), table(6) + "," + cell("LSTM") + "," + softmax(6))},
            {{{5}, tensor::Dtype::i32}, kNumbers});
  ASSERT_EQ(checkpoint.parameters.size(), 6u);
  for (std::size_t p = 0; p < checkpoint.parameters.size(); ++p)
    for (std::size_t i = 0; i < checkpoint.parameters[p].values.size(); ++i) {
      const auto at = static_cast<double>(i);
      checkpoint.parameters[p].values[i] =
          static_cast<float>(1.5 * std::sin(0.7 * at * at + 1.3 * static_cast<double>(p) + 0.4 * at));
    }
  SequenceWriter writer(checkpoint);
  const auto written = [&](std::vector<std::int32_t> read, std::int64_t num_beams) {
    const std::vector<const std::byte*> data{reinterpret_cast<const std::byte*>(read.data()), nullptr};
    const std::vector<std::int32_t> start{1};
    return writer.write(data, start, {.num_beams = num_beams, .steps = 8, .end = 4});
  };
  struct Expected {
    std::vector<std::int32_t> read;
    std::int64_t num_beams;
    std::vector<std::pair<std::vector<std::int32_t>, double>> found;
  };
  const std::vector<Expected> all{
      {{1, 4, 2, 0, 3}, 1, {{{3, 1, 1, 5, 3, 1}, -6.807189}}},
      {{1, 4, 2, 0, 3},
       3,
       {{{3, 1, 5, 3, 1}, -5.558837}, {{3, 3, 1, 5, 3, 1}, -6.646156}, {{3, 1, 5, 3, 1, 1}, -7.147564}}},
      {{5, 5, 0, 1, 2}, 1, {{{3, 1}, -2.880401}}},
      {{5, 5, 0, 1, 2}, 3, {{{}, -1.330461}, {{3, 1}, -2.880401}, {{3, 3, 1}, -3.737038}}},
      {{0, 2, 4, 1, 1}, 1, {{{3, 1, 5, 3, 1, 1, 5, 3}, -7.861145}}},
      {{0, 2, 4, 1, 1},
       3,
       {{{3, 3, 1, 5, 3, 1}, -6.24338}, {{3, 3, 1, 5, 3, 1, 5, 5}, -7.721255}, {{3, 3, 1, 5, 3, 1, 1}, -7.794087}}}};
  for (const Expected& expected : all) {
    const auto found = written(expected.read, expected.num_beams);
    ASSERT_EQ(found.size(), expected.found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].tokens, expected.found[i].first);
      EXPECT_NEAR(found[i].log_probability, expected.found[i].second, 1e-4);
      EXPECT_EQ(found[i].ended, found[i].tokens.size() < 8);
    }
  }
}

}  // namespace
}  // namespace neon
