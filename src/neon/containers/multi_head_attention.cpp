#include "base/error.h"
#include "neon/layers/attention.h"

namespace neon {
namespace {

class MultiHeadAttention final : public GraphPart {
 public:
  struct Config {
    std::int64_t heads = 1;
    std::optional<std::int64_t> size;
    Part init;
    std::optional<Part> bias;
    bool causal = false;
    double keep = 1;
    std::optional<std::string> memory, name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("heads", &Config::heads, "how many look at the same time").positive().required(),
          base::field("size", &Config::size, "features of all heads together; those of the input when absent")
              .positive(),
          base::field("init", &Config::init, "how the weights start").required(),
          base::field("bias", &Config::bias, "how the biases of all projections start; without it there are none"),
          base::field("causal", &Config::causal, "steps see only themselves and those before them"),
          base::field(
              "keep", &Config::keep,
              "chance of a step to be seen in training: dropout of the weights after their softmax, divided by it")
              .range(0.01, 1),
          base::field("memory", &Config::memory,
                      "the BranchNode at which another sequence passes: steps see that one instead of their own"),
          base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit MultiHeadAttention(const Config& config) : config_(config) {
    if (config.size && *config.size % config.heads != 0)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("size must be a multiple of heads, got {} and {}", *config.size, config.heads));
    if (config.memory && config.causal)
      throw base::Error(base::Code::invalid_argument,
                        "causal is about a sequence that sees itself; with memory leave it out");
    Shelf<Initializer>::instance().make(config.init);
    if (config.bias) Shelf<Initializer>::instance().make(*config.bias);
  }

  std::optional<std::string> given_name() const override { return config_.name; }

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& from) const override {
    const auto refuse = [](std::string message) {
      throw base::Error(base::Code::invalid_argument, std::move(message));
    };
    const std::vector<int> in = without_lengths(builder, from);
    if (in.empty() || in.size() > 2)
      refuse(fmt::format("it takes a sequence, perhaps a mask, and perhaps the length of each, but {} inputs come in",
                         in.size()));
    const tensor::Shape shape = builder.spec_of(in[0]).shape;
    if (shape.size() != 2)
      refuse(fmt::format("it needs a sequence (features, time steps), got {}", tensor::text(shape)));
    const std::int64_t size = config_.size.value_or(shape[0]);
    if (size % config_.heads != 0)
      refuse(fmt::format("{} features cannot be shared among {} heads; give a size that is a multiple of heads", size,
                         config_.heads));
    const std::string base = config_.name.value_or(builder.next_name("MultiHeadAttention"));
    std::vector<int> edges;
    if (config_.memory) {
      edges = builder.add(projection(base + "_q", size), {in[0]});
      edges.push_back(builder.add(projection(base + "_kv", 2 * size), {memory(builder)})[0]);
    } else {
      edges = builder.add(projection(base + "_qkv", 3 * size), {in[0]});
    }
    edges.insert(edges.end(), in.begin() + 1, in.end());
    edges = attention(builder, "MultiHeadAttention", base, edges,
                      {config_.heads, config_.causal, config_.memory.has_value(), config_.keep});
    return builder.add(projection(base + "_out", shape[0]), edges);
  }

  static std::vector<LayerCase> cases() {
    return {{R"({"heads": 2, "init": "Gaussian"})", {6, 5}},
            {R"({"heads": 4, "size": 8, "init": "Gaussian", "bias": "Gaussian", "causal": true})", {5, 37}},
            {R"({"heads": 1, "size": 20, "init": "Gaussian"})", {3, 1}},
            {R"({"heads": 3, "init": "Gaussian"})", {12, 18}, {{{18}}}},
            {R"({"heads": 2, "init": "Gaussian", "causal": true})", {4, 9}, {{{1, 9}}}},
            {R"({"heads": 2, "init": "Gaussian", "bias": "Gaussian"})", {4, 7}, {{{}, tensor::Dtype::i32}}},
            {R"({"heads": 1, "init": "Gaussian", "causal": true})", {3, 35}, {{{35}}, {{}, tensor::Dtype::i32}}},
            {R"({"heads": 2, "init": "Gaussian", "causal": true})", {4, 150}},
            {R"({"heads": 2, "init": "Gaussian", "keep": 0.7})", {4, 9}},
            {R"({"heads": 2, "init": "Gaussian", "causal": true, "keep": 0.5})", {4, 70}, {{{}, tensor::Dtype::i32}}}};
  }

 private:
  int memory(const GraphBuilder& builder) const {
    const auto refuse = [&](std::string_view why) {
      throw base::Error(base::Code::invalid_argument, fmt::format("its memory '{}' {}", *config_.memory, why));
    };
    if (!builder.knows_branch(*config_.memory)) refuse("must be the name of a BranchNode before it, but none has it");
    const int edge = builder.branch(*config_.memory);
    const TensorSpec& spec = builder.spec_of(edge);
    if (spec.shape.size() != 2 || spec.dtype != tensor::Dtype::f32)
      refuse(fmt::format("must be a sequence of numbers (features, time steps), but {} passes there",
                         tensor::text(spec.shape)));
    return edge;
  }
  Part projection(std::string name, std::int64_t nout) const {
    Part part{"Affine", {{"nout", nout}, {"init", config_.init.to_json()}, {"name", std::move(name)}}, {}};
    if (config_.bias) part.config["bias"] = config_.bias->to_json();
    return part;
  }
  Config config_;
};

const OnShelf<GraphPart, MultiHeadAttention> registered(
    "MultiHeadAttention", "every step of a sequence sees the others, with several heads",
    R"((features, time steps) → (features, time steps). A compound: a Linear `<name>_qkv` gives each step `size` numbers each of
query, key and value, of which every head has its share; a head's result for step i is Σ_j w_ij·value_j with w_i = softmax over j
of query_i·key_j/√(size/heads); a Linear `<name>_out` brings the results of all heads back to as many features as came in. With
`causal` step i sees only j ≤ i. A second input is a mask (time steps): steps whose number is not over 0 are seen by nobody. Of
sequences with lengths (see SequenceLengths) padding is seen by nobody and sees nothing. What sees nothing gets zeros, before
the bias of `<name>_out`.

With `memory` each step sees the steps of another sequence, which may have another number of steps and of features: that which
passes the `BranchNode` of this name, in an earlier layer, such as the last of an encoder. Then there are two Linears in place of
`<name>_qkv`: `<name>_q` makes queries of the sequence, `<name>_kv` keys and values of the memory. The mask is of the memory's
steps, and of the memory its own lengths hold. Vaswani et al. 2017.)",
    {{"MultiheadAttention", ""}, {"SelfAttention", ""}});

}  // namespace
}  // namespace neon
