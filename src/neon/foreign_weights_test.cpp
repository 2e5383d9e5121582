#include "neon/foreign_weights.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "neon/testing/small_training.h"

namespace neon {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A safetensors file in memory.
class Writer {
 public:
  Writer& add(std::string_view name, std::string_view dtype, const tensor::Shape& shape, std::string_view bytes) {
    header_ += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", header_.empty() ? "" : ",",
                           name, dtype, fmt::join(shape, ","), data_.size(), data_.size() + bytes.size());
    data_ += bytes;
    return *this;
  }
  Writer& add(std::string_view name, const tensor::Shape& shape, const std::vector<float>& values) {
    return add(name, "F32", shape, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  }
  /// 0, 1, 2, ... times `factor`.
  Writer& count(std::string_view name, const tensor::Shape& shape, float factor = 1) {
    std::vector<float> values(static_cast<std::size_t>(tensor::element_count(shape)));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = factor * static_cast<float>(i);
    return add(name, shape, values);
  }
  std::string file() const {
    const std::string header = "{\"__metadata__\":{\"format\":\"pt\"}," + header_ + "}";
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header + data_;
  }

 private:
  std::string header_, data_;
};

Graph graph_of(std::initializer_list<std::string_view> layers, const tensor::Shape& sample) {
  ModelSpec spec;
  for (const std::string_view layer : layers) spec.layers.push_back(part(layer));
  return build_graph(spec, sample);
}

/// What comes in, by name.
std::map<std::string, std::vector<float>> imported(const Graph& graph, const std::string& file,
                                                   std::string_view map = "") {
  std::map<std::string, std::vector<float>> values;
  const NameMap names = map.empty() ? NameMap() : parse_name_map(map, "map.yaml");
  for (NamedTensor& tensor : import_foreign(graph, parse_foreign_safetensors(file), names))
    values[tensor.name] = std::move(tensor.values);
  return values;
}

std::string refusal(const Graph& graph, const std::string& file, std::string_view map = "") {
  try {
    imported(graph, file, map);
  } catch (const base::Error& error) {
    return error.message;
  }
  return "none";
}

constexpr std::string_view kDense =
    R"({"type": "Affine", "config": {"name": "fc", "nout": 2, "init": "Gaussian", "bias": "Gaussian"}})";
constexpr std::string_view kConv =
    R"({"type": "Conv", "config": {"name": "conv", "fshape": [2, 1, 2], "init": "Gaussian", "batch_norm": true}})";

TEST(ForeignWeights, GoByPytorchsHabitsWithoutAMap) {
  Writer file;
  file.count("conv.weight", {2, 3, 2, 1})
      .count("conv_bnorm.weight", {2})
      .count("conv_bnorm.bias", {2}, 2)
      .count("conv_bnorm.running_mean", {2}, 3)
      .count("conv_bnorm.running_var", {2}, 4)
      .add("conv_bnorm.num_batches_tracked", "I64", {}, std::string(8, '\0'))
      .count("fc.weight", {2, 6})
      .count("fc.bias", {2}, 5);
  const auto got = imported(graph_of({kConv, kDense}, {3, 2, 3}), file.file());
  // (c·r·s, k) of (k, c, r, s)
  EXPECT_THAT(got.at("conv/W"), ElementsAre(0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11));
  EXPECT_THAT(got.at("conv_bnorm/gamma"), ElementsAre(0, 1));
  EXPECT_THAT(got.at("conv_bnorm/beta"), ElementsAre(0, 2));
  EXPECT_THAT(got.at("conv_bnorm/gmean"), ElementsAre(0, 3));
  EXPECT_THAT(got.at("conv_bnorm/gvar"), ElementsAre(0, 4));
  EXPECT_THAT(got.at("fc/W"), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(got.at("fc_bias/W"), ElementsAre(0, 5));
}

TEST(ForeignWeights, AreCutTurnedAddedAndJoinedAsTheMapSays) {
  const Graph graph = graph_of({kDense}, {3});
  Writer file;
  file.count("h.attn", {3, 4}).count("a", {2}).count("b", {2}, 10);
  const auto got = imported(graph, file.file(), R"(
names:
  fc/W: {tensor: h.attn, axes: [1, 0], of: 2, parts: [1]}
  fc_bias/W: {tensor: a, plus: b}
)");
  EXPECT_THAT(got.at("fc/W"), ElementsAre(2, 6, 10, 3, 7, 11));
  EXPECT_THAT(got.at("fc_bias/W"), ElementsAre(0, 11));

  // An LSTM's gates are i, f, g, o there and i, f, o, g here.
  const Graph lstm = graph_of(
      {R"({"type": "LSTM", "config": {"name": "l", "output_size": 1, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic"}})"},
      {2, 3});
  Writer gates;
  gates.count("rnn.weight_ih_l0", {4, 2}).count("rnn.weight_hh_l0", {4, 1}, 10).count("rnn.bias_ih_l0", {4}, 100);
  const auto cell = imported(lstm, gates.file(), R"(
names:
  l/W:
    - {tensor: rnn.weight_ih_l0, of: 4, parts: [0, 1, 3, 2]}
    - {tensor: rnn.weight_hh_l0, of: 4, parts: [0, 1, 3, 2]}
    - {tensor: rnn.bias_ih_l0, of: 4, parts: [0, 1, 3, 2]}
)");
  EXPECT_THAT(cell.at("l/W"), ElementsAre(0, 1, 2, 3, 6, 7, 4, 5, 0, 10, 30, 20, 0, 100, 300, 200));
}

TEST(ForeignWeights, ComeInHalfPrecisionToo) {
  const Graph graph = graph_of({R"({"type": "Linear", "config": {"name": "fc", "nout": 2, "init": "Gaussian"}})"}, {3});
  const auto bytes = [](std::initializer_list<std::uint16_t> numbers) {
    return std::string(reinterpret_cast<const char*>(std::data(numbers)), numbers.size() * 2);
  };
  Writer half, brain;
  half.add("fc.weight", "F16", {2, 3}, bytes({0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x3555}));
  EXPECT_THAT(imported(graph, half.file()).at("fc/W"),
              ElementsAre(1.0f, -2.0f, 0x1p-24f, 65504.0f, -0.0f, 0.333251953125f));
  brain.add("fc.weight", "BF16", {2, 3}, bytes({0x3f80, 0xc000, 0x0001, 0x4049, 0x8000, 0x3eab}));
  EXPECT_THAT(imported(graph, brain.file()).at("fc/W"),
              ElementsAre(1.0f, -2.0f, 0x1p-133f, 3.140625f, -0.0f, 0.333984375f));
  Writer infinite, whole;
  infinite.add("fc.weight", "F16", {2, 3}, bytes({0x7c00, 0, 0, 0, 0, 0}));
  EXPECT_THAT(refusal(graph, infinite.file()), HasSubstr("not finite"));
  whole.add("fc.weight", "I16", {2, 3}, bytes({1, 0, 0, 0, 0, 0}));
  EXPECT_THAT(refusal(graph, whole.file()), HasSubstr("'fc.weight' holds I16"));
}

TEST(ForeignWeights, PatternsNameManyAtOnce) {
  const auto layer = [](int i) {
    return fmt::format(R"({{"type": "Linear", "config": {{"name": "block{}_fc", "nout": 2, "init": "Gaussian"}}}})", i);
  };
  const std::string first = layer(0), second = layer(11);
  Writer file;
  file.count("h.0.mlp.weight", {2, 2}).count("h.11.mlp.weight", {2, 2}, 2).count("h.0.attn.bias", {1}).count("x", {1});
  const auto got = imported(graph_of({first, second}, {2}), file.file(), R"(
names:
  block*_fc/W: h.*.mlp.weight
ignore: ["h.*.attn.bias", x]
)");
  EXPECT_THAT(got.at("block0_fc/W"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(got.at("block11_fc/W"), ElementsAre(0, 2, 4, 6));
}

TEST(ForeignWeights, EverythingThatFindsNoPartnerIsToldAtOnce) {
  Writer file;
  file.count("conv.weight", {2, 3, 1, 2}).count("fc.weight", {6, 2}).count("extra", {7}).count("gama", {2});
  EXPECT_THAT(
      refusal(graph_of({kConv, kDense}, {3, 2, 3}), file.file(), R"(
names:
  conv_bnorm/gamma: gamma
  nowhere/W: extra
)"),
      AllOf(HasSubstr("'conv/W' is (2, 3, 2, 1), but 'conv.weight' is (2, 3, 1, 2)"),
            HasSubstr("'conv_bnorm/gamma' should come from tensor 'gamma', which the file does not have; did "
                      "you mean 'gama'?"),
            HasSubstr("no tensor for 'conv_bnorm/beta' (2)"), HasSubstr("turn it with axes: [1, 0]"),
            HasSubstr("no tensor for 'fc_bias/W' (2)"), HasSubstr("the map names 'nowhere/W', which is no parameter"),
            HasSubstr("tensor 'extra' (7) is not used")));
}

TEST(ForeignWeights, DamagedFilesAreRefused) {
  const std::string whole = Writer().count("a", {2}).count("b", {3, 1}).file();
  EXPECT_EQ(parse_foreign_safetensors(whole).size(), 2u);
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_THROW(parse_foreign_safetensors(whole.substr(0, length)), base::Error) << length;
  EXPECT_THROW(parse_foreign_safetensors(whole + "x"), base::Error);
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"[0,8]", "[8,0]"},
                                 {"[8,20]", "[4,16]"},
                                 {"[2]", "[3]"},
                                 {"F32", "F33"},
                                 {"dtype", "dtyqe"},
                                 {"[3,1]", "[3,-1]"}}) {
    std::string changed = whole;
    ASSERT_NE(changed.find(from), std::string::npos) << from;
    const std::size_t before = changed.size();
    changed.replace(changed.find(from), from.size(), to);
    if (changed.size() != before) {
      std::uint64_t length = 0;
      std::memcpy(&length, changed.data(), sizeof(length));
      length += changed.size() - before;
      std::memcpy(changed.data(), &length, sizeof(length));
    }
    EXPECT_THROW(parse_foreign_safetensors(changed), base::Error) << from;
  }
}

TEST(ForeignWeights, FaultsOfAMapNameTheLine) {
  const auto message = [](std::string_view map) {
    try {
      parse_name_map(map, "map.yaml");
    } catch (const base::Error& error) {
      return error.message;
    }
    return std::string("none");
  };
  EXPECT_THAT(message("names:\n  fc: x\n"), AllOf(HasSubstr("'fc' is no parameter"), HasSubstr("map.yaml:2")));
  EXPECT_THAT(message("names:\n  fc/W: {tensr: x}\n"), AllOf(HasSubstr("tensr"), HasSubstr("map.yaml:2")));
  EXPECT_THAT(message("names:\n  fc/W: {tensor: x, of: 2}\n"), HasSubstr("parts"));
  EXPECT_THAT(message("ignore: [x]\n"), HasSubstr("names"));
}

}  // namespace
}  // namespace neon
