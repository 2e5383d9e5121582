#include "neon/containers/branches.h"

namespace neon {
namespace {

class Sequential final : public Branches {
 public:
  struct Config {
    Branch layers;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("layers", &Config::layers, "the layers in order; lists in it are flattened").required(),
          base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Sequential(const Config& config) : Branches({config.layers}, {}, config.name) {}

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    return build_branch(builder, 0, in);
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"layers": [{"type": "Affine", "config": {"nout": 6, "init": "Gaussian", "activation": "Tanh"}},
                            [{"type": "Bias", "config": {"init": "Gaussian"}}]]})",
             {9}},
            {R"({"layers": [{"type": "SequenceLengths"},
                            {"type": "LookupTable", "config": {"vocab_size": 12, "embedding_dim": 5, "init": "Gaussian"}},
                            {"type": "GRU", "config": {"output_size": 4, "init": "Gaussian", "activation": "Tanh",
                                                       "gate_activation": "Logistic"}},
                            {"type": "Linear", "config": {"nout": 3, "init": "Gaussian"}}]})",
             {7},
             {{{}, tensor::Dtype::i32}},
             true,
             tensor::Dtype::i32},
            {R"({"layers": [{"type": "SequenceLengths", "config": {"pad_idx": 0}},
                            {"type": "LookupTable", "config": {"vocab_size": 12, "embedding_dim": 5, "init": "Gaussian"}},
                            {"type": "BiLSTM", "config": {"output_size": 3, "init": "Gaussian", "activation": "Tanh",
                                                          "gate_activation": "Logistic"}},
                            {"type": "RecurrentMean"}]})",
             {6},
             {},
             true,
             tensor::Dtype::i32},
            {R"({"layers": [{"type": "SequenceLengths"},
                            {"type": "LookupTable", "config": {"vocab_size": 12, "embedding_dim": 4, "init": "Gaussian"}},
                            {"type": "TransformerBlock", "config": {"heads": 2, "hidden": 6, "blocks": 2, "keep": 0.9,
                                                                    "init": "Gaussian", "bias": "Gaussian"}}]})",
             {7},
             {{{}, tensor::Dtype::i32}},
             true,
             tensor::Dtype::i32},
            {R"({"layers": [{"type": "SequenceLengths"},
                            {"type": "Seq2Seq", "config": {"layers": [
                              [{"type": "TransformerBlock", "config": {"heads": 1, "hidden": 4, "init": "Gaussian"}},
                               {"type": "BranchNode", "config": {"name": "read"}}],
                              [{"type": "TransformerBlock", "config": {"heads": 2, "hidden": 6, "causal": true, "memory": "read",
                                                                       "init": "Gaussian", "bias": "Gaussian"}}]]}}]})",
             {3, 7},
             {{{}, tensor::Dtype::i32}, {{4, 6}}, {{}, tensor::Dtype::i32}}}};
  }
};

const OnShelf<GraphPart, Sequential> registered("Sequential", "layers one after the other",
                                                R"(What a model's `layers` are, for use inside other containers.)");

}  // namespace
}  // namespace neon
