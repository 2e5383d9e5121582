#include "base/error.h"
#include "neon/layers/attention.h"
#include "neon/layers/merge.h"

namespace neon {
namespace {

class TransformerBlock final : public GraphPart {
 public:
  struct Config {
    std::int64_t heads = 1, hidden = 0, blocks = 1;
    Part init;
    std::optional<Part> bias;
    bool causal = false;
    double keep = 1, attention_keep = 1;
    Part activation{"GELU", {}, {}};
    std::optional<std::string> memory, name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("heads", &Config::heads, "of the attention").positive().required(),
          base::field("hidden", &Config::hidden, "features between the two dense layers").positive().required(),
          base::field("init", &Config::init, "how the weights start").required(),
          base::field("bias", &Config::bias, "how all biases start; without it there are none"),
          base::field("causal", &Config::causal, "steps see only themselves and those before them"),
          base::field("keep", &Config::keep, "chance of a unit to survive the dropout before each sum").range(0.01, 1),
          base::field("attention_keep", &Config::attention_keep, "the `keep` of its attentions").range(0.01, 1),
          base::field("activation", &Config::activation, "between the two dense layers"),
          base::field("memory", &Config::memory,
                      "the BranchNode at which another sequence passes, which a second attention sees: a block of a "
                      "decoder"),
          base::field("blocks", &Config::blocks, "so many one after the other").range(1, 1000),
          base::field("name", &Config::name, "a name, unique in the model; of several `<name>_0` and so on"));
    }
  };
  explicit TransformerBlock(const Config& config) : config_(config) {
    Shelf<Initializer>::instance().make(config.init);
    if (config.bias) Shelf<Initializer>::instance().make(*config.bias);
    Shelf<Transform>::instance().make(config.activation);
  }

  std::optional<std::string> given_name() const override { return config_.name; }

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& from) const override {
    const std::vector<int> in = without_lengths(builder, from);
    if (in.empty() || in.size() > 2)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("it takes a sequence, perhaps a mask, and perhaps the length of each, but {} inputs "
                      "come in",
                      from.size()));
    int x = in[0];
    for (std::int64_t i = 0; i < config_.blocks; ++i) {
      std::string base = config_.name.value_or(builder.next_name("TransformerBlock"));
      if (config_.name && config_.blocks > 1) base += fmt::format("_{}", i);
      x = block(builder, base, x, {in.begin() + 1, in.end()});
    }
    return {x};
  }

  static std::vector<LayerCase> cases() {
    return {
        {R"({"heads": 2, "hidden": 9, "init": "Gaussian", "bias": "Gaussian", "causal": true})", {6, 7}},
        {R"({"heads": 2, "hidden": 8, "blocks": 2, "keep": 0.8, "attention_keep": 0.6, "init": "Gaussian", "activation": "Tanh"})",
         {4, 5},
         {{{5}}}},
        {R"({"heads": 2, "hidden": 5, "init": "Gaussian", "causal": true})", {4, 7}, {{{}, tensor::Dtype::i32}}}};
  }

 private:
  int block(GraphBuilder& builder, const std::string& base, int x, const std::vector<int>& mask) const {
    std::vector<int> in = builder.add(part("LayerNorm", base + "_norm1", {}), {x});
    in.insert(in.end(), mask.begin(), mask.end());
    const int seen = with_dropout(
        builder, base + "_drop1",
        builder.add(
            part("MultiHeadAttention", base + "_attention",
                 weighted({{"heads", config_.heads}, {"causal", config_.causal}, {"keep", config_.attention_keep}})),
            in));
    x = merge_sum(builder, "TransformerBlock", base + "_sum", {x, seen})[0];
    if (config_.memory) {
      const std::vector<Part> sight{
          part("LayerNorm", base + "_norm_memory", {}),
          part("MultiHeadAttention", base + "_memory",
               weighted({{"heads", config_.heads}, {"memory", *config_.memory}, {"keep", config_.attention_keep}}))};
      x = merge_sum(builder, "TransformerBlock", base + "_sum_memory",
                    {x, with_dropout(builder, base + "_drop_memory", builder.add(sight, {x}))})[0];
    }
    std::vector<int> y = builder.add(part("LayerNorm", base + "_norm2", {}), {x});
    y = builder.add(part("Affine", base + "_hidden",
                         weighted({{"nout", config_.hidden}, {"activation", config_.activation.to_json()}})),
                    y);
    y = builder.add(part("Affine", base + "_out", weighted({{"nout", builder.spec_of(x).shape[0]}})), y);
    return merge_sum(builder, "TransformerBlock", base, {x, with_dropout(builder, base + "_drop2", y)})[0];
  }

  int with_dropout(GraphBuilder& builder, const std::string& name, const std::vector<int>& in) const {
    if (config_.keep == 1) return in[0];
    return builder.add(part("Dropout", name, {{"keep", config_.keep}, {"inverted", true}}), in)[0];
  }

  base::json::object weighted(base::json::object config) const {
    config["init"] = config_.init.to_json();
    if (config_.bias) config["bias"] = config_.bias->to_json();
    return config;
  }
  static Part part(std::string type, const std::string& name, base::json::object config) {
    config["name"] = name;
    return {std::move(type), std::move(config), {}};
  }
  Config config_;
};

const OnShelf<GraphPart, TransformerBlock> registered(
    "TransformerBlock", "attention and two dense layers, each normalised before and added to what came in",
    R"((features, time steps) → (features, time steps): x = x + MultiHeadAttention(LayerNorm(x)), then x + W₂·f(W₁·LayerNorm(x)) with
`hidden` features in between, every step by itself. The norms come first, as in GPT-2. `keep` under 1 puts a Dropout (inverted)
before each sum. A second input is the mask of the attention, the same for all `blocks`. With `memory` it is a
block of a decoder: between the two x = x + MultiHeadAttention(LayerNorm(x)) with that `memory` comes in, named `<name>_memory`; its
own steps it usually sees with `causal`. Steps are alike to it: a `PositionEncoding`
or another layer before it tells them apart.)",
    {{"TransformerEncoderLayer", ""},
     {"TransformerEncoder", "write TransformerBlock with blocks"},
     {"TransformerDecoderLayer", "write TransformerBlock with causal and memory"}});

}  // namespace
}  // namespace neon
