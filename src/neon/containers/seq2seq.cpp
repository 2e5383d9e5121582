#include "base/error.h"
#include "neon/containers/branches.h"

namespace neon {
namespace {

/// An encoder reads one sequence, and a decoder starts from where its states end and makes another one.
class Seq2Seq final : public Branches {
 public:
  struct Config {
    std::vector<Branch> layers;
    std::vector<std::int64_t> decoder_connections;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("layers", &Config::layers, "the layers of the encoder, then those of the decoder").required(),
          base::field(
              "decoder_connections", &Config::decoder_connections,
              "for each recurrent layer of the decoder the number of the encoder's, from 0, whose last state it "
              "starts from; one to one without"),
          base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Seq2Seq(const Config& config)
      : Branches(config.layers, {}, config.name), connections_(config.decoder_connections) {
    if (branches_.size() != 2)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("layers holds two lists, the encoder and the decoder, but there are {}", branches_.size()));
  }

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    if (in.size() != 2)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("it takes two sequences, what is read and what the decoder is told before each "
                                    "step, but {} inputs come in; of sequences with lengths begin with SequenceLengths",
                                    in.size()));
    GraphBuilder::States encoder, decoder;
    GraphBuilder::States* before = builder.exchange_states(&encoder);
    build_branch(builder, 0, {in[0]});
    decoder.given = true;
    decoder.first = connected(encoder.last);
    builder.exchange_states(&decoder);
    const std::vector<int> out = build_branch(builder, 1, {in[1]});
    builder.exchange_states(before);
    if (decoder.taken != decoder.first.size())
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("{} states of the encoder are handed over, but the decoder has {} recurrent layers "
                                    "in one direction; decoder_connections needs a number for each of them",
                                    decoder.first.size(), decoder.taken));
    return out;
  }

  static std::vector<LayerCase> cases() {
    return {
        {R"({"layers": [[{"type": "LSTM", "config": {"output_size": 4, "init": "Gaussian", "activation": "Tanh",
                                                         "gate_activation": "Logistic"}}],
                            [{"type": "LSTM", "config": {"output_size": 4, "init": "Gaussian", "activation": "Tanh",
                                                         "gate_activation": "Logistic"}},
                             {"type": "Affine", "config": {"nout": 3, "init": "Gaussian", "activation": "Tanh"}}]]})",
         {3, 7},
         {{{2, 5}}}},
        {R"({"layers": [[{"type": "GRU", "config": {"output_size": 4, "init": "Gaussian", "activation": "Tanh",
                                                        "gate_activation": "Logistic"}},
                             {"type": "GRU", "config": {"output_size": 3, "init": "Gaussian", "activation": "Tanh",
                                                        "gate_activation": "Logistic"}}],
                            [{"type": "GRU", "config": {"output_size": 3, "init": "Gaussian", "activation": "Tanh",
                                                        "gate_activation": "Logistic"}},
                             {"type": "GRU", "config": {"output_size": 4, "init": "Gaussian", "activation": "Tanh",
                                                        "gate_activation": "Logistic"}}]],
                 "decoder_connections": [1, 0]})",
         {2, 4},
         {{{2, 1}}}},
        {R"({"layers": [[{"type": "Recurrent", "config": {"output_size": 4, "init": "Gaussian", "activation": "Tanh"}}],
                            [{"type": "Recurrent", "config": {"output_size": 4, "init": "Gaussian", "activation": "Tanh"}}]]})",
         {3, 7},
         {{{2, 5}}}},
        {R"({"layers": [[{"type": "BranchNode", "config": {"name": "read"}}],
                            [{"type": "MultiHeadAttention", "config": {"heads": 2, "size": 6, "init": "Gaussian", "bias": "Gaussian",
                                                                       "memory": "read"}}]]})",
         {3, 19},
         {{{4, 37}}}},
        {R"({"layers": [[{"type": "Linear", "config": {"nout": 6, "init": "Gaussian"}},
                             {"type": "BranchNode", "config": {"name": "read"}}],
                            [{"type": "TransformerBlock", "config": {"heads": 2, "hidden": 5, "blocks": 2, "causal": true, "keep": 0.9,
                                                                     "init": "Gaussian", "memory": "read"}}]]})",
         {3, 7},
         {{{4, 5}}}}};
  }

 private:
  std::vector<int> connected(const std::vector<int>& last) const {
    if (connections_.empty()) return last;
    std::vector<int> states;
    for (const std::int64_t i : connections_) {
      if (i < 0 || static_cast<std::size_t>(i) >= last.size())
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("decoder_connections has {}, but the encoder has {} recurrent layers in one "
                                      "direction, numbered from 0",
                                      i, last.size()));
      states.push_back(last[static_cast<std::size_t>(i)]);
    }
    return states;
  }

  std::vector<std::int64_t> connections_;
};

const OnShelf<GraphPart, Seq2Seq> registered(
    "Seq2Seq", "an encoder reads a sequence, a decoder makes another one from its states",
    R"((x, z) → what the decoder gives. The encoder reads x. Every recurrent layer of the decoder starts from the last state of one of
the encoder's, which must be of the same type and have the same `output_size`; gradients flow back through it. z is what the
decoder is told before each step: the target delayed by one step. Of sequences with lengths (SequenceLengths before
it) the last state is that of the last real step. The state of an LSTM is h and c. (neon hands over h alone, c starts as 0.)
Layers in both directions keep their states to themselves. Evaluation is told z as training is, and so
is a prediction that is given z; one that is not tells the decoder what it wrote itself (docs/formats/model-yaml.md). Sutskever et
al. 2014.

Without recurrent layers nothing is handed over; what the decoder sees of the encoder then is the `memory` of its attention
(MultiHeadAttention, TransformerBlock): a `BranchNode` at the encoder's end.)");

}  // namespace
}  // namespace neon
