#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "neon/spec.h"

namespace neon {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kMnist = R"(# a multi-layer perceptron
backend: mkl
epochs: 10
batchsize: 128

wt_init: &wt_init
  type: Gaussian
  config: {loc: 0.0, scale: 0.01}

layers:
  - type: neon.layers.layer.Linear
    config: {nout: 100, init: *wt_init}
  - type: Activation
    config:
      transform: {type: Rectlin}
  - type: Linear
    config:
      nout: 10
      init: *wt_init
  - type: Activation
    config:
      transform:
        type: Logistic
        config:
          shortcut: True

cost: CrossEntropyBinary

optimizer:
  type: GradientDescentMomentum
  config:
    learning_rate: 0.1
    momentum_coef: 0.9

dataset:
  name: mnist
)";

constexpr const char* kAnchors = R"(
backend: gpu
wt_init1: &wt_init1 {type: Gaussian, config: {scale: 1e-2}}
relu: &relu
  type: Rectlin
base_schedule: &schedule
  type: Schedule
  config: {step_config: [22, 44, 65], change: .15874}
conv: &conv {padding: 1, init: *wt_init1, strides: 1}
layers:
- type: Convolution
  config:
    <<: *conv
    name: conv1
    fshape: [11, 11, 64]
    strides: 4
- {type: Activation, config: {name: conv1_relu, transform: *relu}}
- {type: Dropout}
- Flatten
cost: {type: CrossEntropyMulti, config: {usebits: yes}}
metric: {type: TopKMisclassification, config: {k: 5}}
optimizer:
  type: GradientDescentMomentum
  config: {learning_rate: 0.01, momentum_coef: 0.9, wdecay: 0.0005, schedule: *schedule}
rng_seed: 18446744073709551615
batch_size: 64
)";

constexpr const char* kRest = "\nlayers: [{type: Linear}]\ncost: SumSquared\noptimizer: Adam\n";

std::string refusal(std::string_view yaml) {
  try {
    parse_model(yaml, "model.yaml");
  } catch (const base::Error& error) {
    EXPECT_TRUE(error.code == base::Code::invalid_argument || error.code == base::Code::too_large);
    return error.message;
  }
  return "accepted";
}

TEST(ModelFile, ReadsAFileAsNeonShipsIt) {
  const ModelSpec spec = parse_model(kMnist, "mnist_mlp.yaml");
  EXPECT_EQ(spec.epochs, 10);
  EXPECT_EQ(spec.batch_size, 128);
  EXPECT_EQ(spec.seed, std::nullopt);
  ASSERT_EQ(spec.layers.size(), 4u);
  EXPECT_EQ(spec.layers[0].type, "Linear");
  EXPECT_EQ(spec.layers[0].where, "/layers/0");
  EXPECT_EQ(base::to_text(spec.layers[0].config),
            R"({"nout":100,"init":{"type":"Gaussian","config":{"loc":0.0,"scale":0.01}}})");
  EXPECT_EQ(base::to_text(spec.layers[3].config), R"({"transform":{"type":"Logistic","config":{"shortcut":true}}})");
  EXPECT_EQ(spec.cost.type, "CrossEntropyBinary");
  EXPECT_EQ(spec.metric.type, "Misclassification");
  EXPECT_EQ(base::to_text(spec.dataset), R"({"name":"mnist"})");
  EXPECT_EQ(spec.lines.at("/layers/3/config/transform/config/shortcut"), 25);
}

TEST(ModelFile, ExpandsAnchorsAndMergeKeys) {
  const ModelSpec spec = parse_model(kAnchors, "alexnet.yaml");
  const auto& conv = spec.layers[0].config;
  EXPECT_EQ(conv.at("strides"), 4) << "the mapping's own key wins";
  EXPECT_EQ(conv.at("padding"), 1);
  EXPECT_EQ(conv.at("init").at("config").at("scale"), 0.01);
  EXPECT_EQ(spec.layers[2].config.size(), 0u);
  EXPECT_EQ(spec.layers[3].type, "Flatten");
  EXPECT_EQ(spec.optimizer.config.at("schedule").at("config").at("change"), 0.15874);
  EXPECT_EQ(spec.seed, 18446744073709551615u);
  EXPECT_EQ(spec.batch_size, 64);
  EXPECT_EQ(spec.lines.at("/batch_size"), 26);
}

TEST(ModelFile, EarlierOfSeveralMergedMappingsWins) {
  const ModelSpec spec = parse_model(R"(
a: &a {x: 1, y: 1}
b: &b {y: 2, z: 2}
layers: [{type: L, config: {<<: [*a, *b], w: 0}}]
cost: SumSquared
optimizer: Adam)",
                                     "m");
  const base::json::object expected{{"w", 0}, {"x", 1}, {"y", 1}, {"z", 2}};
  EXPECT_EQ(spec.layers[0].config, expected);
}

TEST(ModelFile, SurvivesJson) {
  for (const char* yaml : {kMnist, kAnchors}) {
    const ModelSpec spec = parse_model(yaml, "m");
    const auto document = spec.to_json();
    EXPECT_EQ(ModelSpec::from_json(base::parse_json(base::to_text(document), "spec")).to_json(), document);
  }
}

TEST(ModelFile, ResolvesScalars) {
  const auto read = [](const std::string& scalar) {
    return base::to_text(
        parse_model("x: &x\nlayers: [{type: L, config: {v: " + scalar + "}}]\ncost: SumSquared\noptimizer: Adam", "m")
            .layers[0]
            .config.at("v"));
  };
  const std::map<std::string, std::string> cases{{"1e-3", "0.001"},
                                                 {"1.", "1.0"},
                                                 {".5", "0.5"},
                                                 {"-2", "-2"},
                                                 {"+3", "3"},
                                                 {"0x1F", "31"},
                                                 {"0", "0"},
                                                 {"1E3", "1000.0"},
                                                 {"-1.5e+2", "-150.0"},
                                                 {"'1'", "\"1\""},
                                                 {"\"yes\"", "\"yes\""},
                                                 {"~", "null"},
                                                 {"null", "null"},
                                                 {"", "null"},
                                                 {"Yes", "true"},
                                                 {"off", "false"},
                                                 {"y", "\"y\""},
                                                 {"010", "\"010\""},
                                                 {"1_000", "\"1_000\""},
                                                 {"1:30", "\"1:30\""},
                                                 {"e5", "\"e5\""},
                                                 {".", "\".\""},
                                                 {"-", "\"-\""},
                                                 {"1e", "\"1e\""},
                                                 {"inf", "\"inf\""},
                                                 {"nan", "\"nan\""},
                                                 {"9223372036854775808", "9223372036854775808"},
                                                 {"0x", "\"0x\""},
                                                 {"all", "\"all\""}};
  for (const auto& [text, expected] : cases) {
    if (text == "-") continue;  // an indicator in this place
    EXPECT_EQ(read(text), expected) << text;
  }
  EXPECT_THAT(refusal("a: &a .inf" + std::string(kRest)), StartsWith("model.yaml:1:4: .inf is not a finite number"));
  EXPECT_THAT(refusal("a: &a 1e999" + std::string(kRest)), HasSubstr("number 1e999 is out of range"));
  EXPECT_THAT(refusal("a: &a 99999999999999999999" + std::string(kRest)), HasSubstr("out of range"));
}

TEST(ModelFile, NamesTheLineOfWhatItRefuses) {
  const std::string rest = kRest;
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "model.yaml:1:1: it is empty"},
      {"# nothing\n", "model.yaml:1:1: it is empty"},
      {"layers: [", "model.yaml:1:1: end of sequence flow not found"},
      {"a: b: c", "model.yaml:1:5: "},
      {"\tlayers: 1", "model.yaml:1:"},
      {"epochs: 1\nepochs: 2" + rest, "model.yaml:2:1: key 'epochs' is repeated; it stands in line 1 already"},
      {"x: &x {a: 1,\n a: 2}" + rest, "model.yaml:2:2: key 'a' is repeated"},
      {"epochs: !!int 3" + rest, "model.yaml:1:9: tag 'tag:yaml.org,2002:int' has no meaning here"},
      {"epochs: !obj:x 3" + rest, "tag '!obj:x'"},
      {"epochs: 1\n---\nepochs: 2\n", "model.yaml:2:1: a second document"},
      {"x: *unknown" + rest, "model.yaml:1:4: "},
      {"x: &x [*x]" + rest, "an alias inside of what it stands for"},
      {"? [a]\n: b" + rest, "expected a name"},
      {": b" + rest, "a key is missing before ':'"},
      {"x: &x {<<: 3}" + rest, "model.yaml:1:8: '<<' takes a mapping or a list of mappings"},
      {"a: \xff", "model.yaml:1: byte 0xFF is not UTF-8; save the file as UTF-8"},
      {std::string("a: b\n\0", 6), "model.yaml:2: a NUL byte; expected text in UTF-8"},
      {"- a\n- b", "expected a mapping"},
      {"just text", "expected a mapping"},
      {"epohcs: 3" + rest, "unknown key 'epohcs'; did you mean 'epochs'?"},
      {"epohcs: 3" + rest, "(model.yaml:1)"},
      {"wt_init: {type: Constant}" + rest, "only values with an &anchor may have a name of their own (model.yaml:1)"},
      {"batchsize: 3\nbatch_size: 4" + rest, "'batch_size' says batch_size a second time (model.yaml:2)"},
      {"batchsize: 0" + rest, "batch_size must be at least 1 and at most 1048576, got 0 (model.yaml:1)"},
      {"epochs: '3'" + rest, "(model.yaml:1)"},
      {"epochs: 1.5" + rest, "(model.yaml:1)"},
      {"backend: tpu" + rest, "unknown backend 'tpu'"},
      {"cost: SumSquared\noptimizer: Adam", "'layers' is missing (model.yaml)"},
      {"layers: []\ncost: SumSquared\noptimizer: Adam", "layers is empty; a model needs at least one (model.yaml:1)"},
      {"layers: [{type: L, confg: {}}]\ncost: SumSquared\noptimizer: Adam",
       "unknown key 'confg'; did you mean 'config'?"},
      {"layers: [{config: {}}]\ncost: SumSquared\noptimizer: Adam", "'type' is missing"},
      {"layers: [L]\n\ncost: SumSquard\noptimizer: Adam",
       "unknown cost 'SumSquard'; did you mean 'SumSquared'? (model.yaml:3)"},
      {"layers: [L]\ncost: SumSquared\noptimizer:\n  type: Adam\n  config:\n    beta1: 3",
       "unknown key 'beta1'; did you mean 'beta_1'? (model.yaml:6)"},
      {"metric: Acuracy" + rest, "unknown metric 'Acuracy'; did you mean 'Accuracy'? (model.yaml:1)"},
      {"dataset: mnist" + rest, "(model.yaml:1)"},
  };
  for (const auto& [yaml, expected] : cases) EXPECT_THAT(refusal(yaml), HasSubstr(expected)) << yaml;
}

TEST(ModelFile, RefusesWhatWouldNotFitInMemory) {
  std::string bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n", merges = "m0: &m0 {k: 1}\n";
  for (int i = 1; i < 30; ++i) {
    bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
    merges += fmt::format("m{0}: &m{0} {{<<: [*m{1}, *m{1}, *m{1}]}}\n", i, i - 1);
  }
  EXPECT_THAT(refusal(bomb + kRest), HasSubstr("do aliases hold aliases?"));
  EXPECT_THAT(refusal(merges + kRest), HasSubstr("do aliases hold aliases?"));
  std::string text = "t: &t " + std::string(100'000, 'x') + "\nl: &l [";
  for (int i = 0; i < 100; ++i) text += "*t, ";
  EXPECT_THAT(refusal(text + "]" + kRest), HasSubstr("bytes of text"));
  EXPECT_THAT(refusal("a: &a " + std::string(100, '[') + std::string(100, ']') + kRest),
              HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(refusal("a: &a " + std::string(500'000, '[')), HasSubstr("model.yaml:1:"));
  EXPECT_THAT(refusal("a: &a " + std::string(500'000, '{')), HasSubstr("model.yaml:1:"));
  EXPECT_THAT(refusal(std::string((1 << 20) + 1, ' ')), HasSubstr("a model file has at most 1048576"));
}

TEST(ModelFile, LocatesLaterErrors) {
  const ModelSpec spec = parse_model(kMnist, "mnist_mlp.yaml");
  const auto message = [&](const char* where) {
    return located({base::Code::invalid_argument, "no", where}, spec).message;
  };
  EXPECT_EQ(message("/layers/0/config/nout"), "no (mnist_mlp.yaml:12)");
  EXPECT_EQ(message("/layers/2/config/nout/unknown/place"), "no (mnist_mlp.yaml:18)");
  EXPECT_EQ(message("/layers/0/config/init/config/scale"), "no (mnist_mlp.yaml:8)")
      << "where the anchor's content stands";
  EXPECT_EQ(message(""), "no (mnist_mlp.yaml)");
  EXPECT_EQ(located({base::Code::internal, "no", "/layers/0"}, ModelSpec{}).message, "no");
}

TEST(ModelFile, BrokenFilesGiveErrorsAndNothingElse) {
  base::Random random(2024, 1);
  constexpr std::string_view kSpice = "{}[]:,-&*!|>'\"%@`#?<~ \t\n\\\x01\x7f\xc3\xff";
  int accepted = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string yaml = round % 2 == 0 ? kMnist : kAnchors;
    for (std::uint64_t change = random.below(4) + 1; change > 0; --change) {
      const auto at = random.below(yaml.size()), length = random.below(12);
      switch (random.below(4)) {
        case 0: yaml[at] = kSpice[random.below(kSpice.size())]; break;
        case 1: yaml.erase(at, length); break;
        case 2: yaml.insert(at, 1, kSpice[random.below(kSpice.size())]); break;
        default: yaml.insert(at, yaml.substr(random.below(yaml.size()), length * 4)); break;
      }
    }
    try {
      parse_model(yaml, "model.yaml");
      ++accepted;
    } catch (const base::Error& error) {
      ASSERT_THAT(error.message, HasSubstr("model.yaml")) << yaml;
    }
  }
  EXPECT_GT(accepted, 10);
  EXPECT_LT(accepted, 1400);
}

}  // namespace
}  // namespace neon
