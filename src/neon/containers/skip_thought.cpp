#include "base/error.h"
#include "neon/graph_builder.h"

namespace neon {
namespace {

/// An encoder reads a sentence; one decoder makes the sentence before it of that, another one the sentence after it.
class SkipThought final : public GraphPart {
 public:
  struct Config {
    std::int64_t vocab_size = 0, embed_dim = 0, nhidden = 0;
    Part init_embed;
    std::string rec_layer = "GRU";
    Part init_rec, activ_rec;
    std::optional<Part> activ_rec_gate;
    Part init_ff;
    std::optional<Part> init_const;
    std::optional<std::string> name;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("vocab_size", &C::vocab_size, "tokens: rows of the table and outputs of each step")
              .positive()
              .required(),
          base::field("embed_dim", &C::embed_dim, "what each row of the table has").positive().required(),
          base::field("init_embed", &C::init_embed, "how the table starts").required(),
          base::field("nhidden", &C::nhidden, "output_size of the recurrent layers").positive().required(),
          base::field("rec_layer", &C::rec_layer, "their type: GRU, LSTM or Recurrent"),
          base::field("init_rec", &C::init_rec, "how their weights start").required(),
          base::field("activ_rec", &C::activ_rec, "their activation; Tanh is usual").required(),
          base::field("activ_rec_gate", &C::activ_rec_gate, "that of their gates; Logistic is usual"),
          base::field("init_ff", &C::init_ff, "how the weights before each Softmax start").required(),
          base::field("init_const", &C::init_const, "how the biases there start; without it there are none"),
          base::field("name", &C::name, "what the names of its layers begin with"));
    }
  };
  explicit SkipThought(const Config& config) : config_(config) {
    if (config.rec_layer != "GRU" && config.rec_layer != "LSTM" && config.rec_layer != "Recurrent")
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("rec_layer must be GRU, LSTM or Recurrent, which hand their states over; got '{}'",
                                    config.rec_layer));
  }

  std::optional<std::string> given_name() const override { return config_.name; }
  std::vector<Part> inner_parts() const override { return {table("table"), recurrent("encoder"), softmax("softmax")}; }

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    if (in.size() != 3)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("it takes three sequences: a sentence, and what the decoders of the one before it and "
                      "of the one after it are told; but {} inputs come in. Of sentences with lengths begin "
                      "with SequenceLengths",
                      in.size()));
    const std::string base = config_.name.value_or("SkipThought");
    GraphBuilder::States encoder;
    GraphBuilder::States* before = builder.exchange_states(&encoder);
    const std::size_t first = builder.node_count();
    builder.add({table(base + "_table"), recurrent(base + "_encoder")}, {in[0]});
    std::vector<int> outs;
    for (const auto& [told, which] : {std::pair{in[1], "previous"}, std::pair{in[2], "next"}}) {
      GraphBuilder::States decoder{.first = encoder.last, .given = true};
      builder.exchange_states(&decoder);
      const std::vector<int> embedded = builder.add_again({table(base + "_table")}, {told}, first);
      outs.push_back(builder.add(
          {recurrent(fmt::format("{}_{}", base, which)), softmax(fmt::format("{}_{}_softmax", base, which))},
          embedded)[0]);
    }
    builder.exchange_states(before);
    return outs;
  }

  static std::vector<LayerCase> cases() {
    constexpr auto kNumbers = tensor::Dtype::i32;
    return {{R"({"vocab_size": 7, "embed_dim": 4, "init_embed": "Gaussian", "nhidden": 5, "init_rec": "Gaussian",
                 "activ_rec": "Tanh", "activ_rec_gate": "Logistic", "init_ff": "Gaussian", "init_const": "Gaussian"})",
             {6},
             {{{4}, kNumbers}, {{5}, kNumbers}},
             true,
             kNumbers},
            {R"({"vocab_size": 5, "embed_dim": 3, "init_embed": "Gaussian", "nhidden": 4, "rec_layer": "LSTM",
                 "init_rec": "Gaussian", "activ_rec": "Tanh", "activ_rec_gate": "Logistic", "init_ff": "Gaussian"})",
             {3},
             {{{3}, kNumbers}, {{3}, kNumbers}},
             true,
             kNumbers}};
  }

 private:
  Part table(std::string name) const {
    return {"LookupTable",
            {{"vocab_size", config_.vocab_size},
             {"embedding_dim", config_.embed_dim},
             {"init", config_.init_embed.to_json()},
             {"name", std::move(name)}},
            {}};
  }
  /// Sentences begin anew also where rows go on from batch to batch.
  Part recurrent(std::string name) const {
    Part part{config_.rec_layer,
              {{"output_size", config_.nhidden},
               {"init", config_.init_rec.to_json()},
               {"activation", config_.activ_rec.to_json()},
               {"reset_cells", true},
               {"name", std::move(name)}},
              {}};
    if (config_.activ_rec_gate) part.config["gate_activation"] = config_.activ_rec_gate->to_json();
    return part;
  }
  Part softmax(std::string name) const {
    Part part{"Affine",
              {{"nout", config_.vocab_size},
               {"init", config_.init_ff.to_json()},
               {"activation", "Softmax"},
               {"name", std::move(name)}},
              {}};
    if (config_.init_const) part.config["bias"] = config_.init_const->to_json();
    return part;
  }

  Config config_;
};

const OnShelf<GraphPart, SkipThought> registered(
    "SkipThought", "reads a sentence and makes of it the one before and the one after",
    R"((sentence, told previous, told next), each of token numbers (time steps) → two sequences (vocab_size, time steps) of
probabilities: the sentence before and the one after. An encoder `<name>_encoder` reads the sentence; `<name>_previous` and
`<name>_next` start from its last state, are told the target delayed by one step, and end in a Softmax each. All three look their
tokens up in one table, `<name>_table`, whose gradient is the sum of what comes back from the three. (neon keeps three copies and
averages their gradients.) Train it with a `Multicost` of two costs; `GeneralizedCostMask` or `SequenceLengths` leave padding out.
The state of the encoder is what the sentence means to the model. Kiros et al. 2015.)");

}  // namespace
}  // namespace neon
