#include "neon/graph_builder.h"

namespace neon {
namespace {

/// Layers of both directions, one behind the other.
class Deep : public GraphPart {
 public:
  std::optional<std::string> given_name() const final { return {}; }
  std::vector<Part> inner_parts() const final { return parts_; }
  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const final {
    return builder.add(parts_, in);
  }

 protected:
  std::vector<Part> parts_;
};

class DeepBiRNN final : public Deep {
 public:
  struct Config {
    std::int64_t nout = 0;
    Part init;
    std::optional<Part> init_inner;
    Part activation;
    bool reset_cells = false;
    std::int64_t depth = 1;
    bool batch_norm = false, bi_sum = false;
    static constexpr auto fields() {
      return std::tuple(
          base::field("nout", &Config::nout, "output_size of each direction").positive().required(),
          base::field("init", &Config::init, "how the weights of the inputs start").required(),
          base::field("init_inner", &Config::init_inner, "the same for the weights of the state; `init` without"),
          base::field("activation", &Config::activation, "of the new states").required(),
          base::field("reset_cells", &Config::reset_cells,
                      "whether each batch starts from a state of 0; it always does"),
          base::field("depth", &Config::depth, "how many layers").positive(),
          base::field("batch_norm", &Config::batch_norm,
                      "normalise what the inputs give: BiBNRNN in the place of BiRNN"),
          base::field("bi_sum", &Config::bi_sum, "add the two directions after each layer (BiSum)"));
    }
  };
  explicit DeepBiRNN(const Config& config) {
    for (std::int64_t i = 0; i < config.depth; ++i) {
      Part layer{config.batch_norm ? "BiBNRNN" : "BiRNN",
                 {{"output_size", config.nout},
                  {"init", config.init.to_json()},
                  {"activation", config.activation.to_json()},
                  {"reset_cells", config.reset_cells},
                  {"split_inputs", i > 0 && !config.bi_sum}},
                 {}};
      if (config.init_inner) layer.config["init_inner"] = config.init_inner->to_json();
      parts_.push_back(std::move(layer));
      if (config.bi_sum) parts_.push_back({"BiSum", {}, {}});
    }
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"nout": 4, "init": "Gaussian", "activation": "Tanh", "depth": 2})", {3, 4}},
            {R"({"nout": 3, "init": "Gaussian", "activation": "Tanh", "depth": 2, "bi_sum": true, "batch_norm": true})",
             {3, 4}}};
  }
};

class DeepBiLSTM final : public Deep {
 public:
  struct Config {
    std::int64_t nout = 0;
    Part init;
    std::optional<Part> init_inner;
    Part activation, gate_activation;
    bool reset_cells = false;
    std::int64_t depth = 1;
    static constexpr auto fields() {
      return std::tuple(
          base::field("nout", &Config::nout, "output_size of each direction").positive().required(),
          base::field("init", &Config::init, "how the weights of the inputs start").required(),
          base::field("init_inner", &Config::init_inner, "the same for the weights of the state; `init` without"),
          base::field("activation", &Config::activation, "of candidates and cells").required(),
          base::field("gate_activation", &Config::gate_activation, "of the gates; Logistic is usual").required(),
          base::field("reset_cells", &Config::reset_cells,
                      "whether each batch starts from a state of 0; it always does"),
          base::field("depth", &Config::depth, "how many layers").positive());
    }
  };
  explicit DeepBiLSTM(const Config& config) {
    for (std::int64_t i = 0; i < config.depth; ++i) {
      Part layer{"BiLSTM",
                 {{"output_size", config.nout},
                  {"init", config.init.to_json()},
                  {"activation", config.activation.to_json()},
                  {"gate_activation", config.gate_activation.to_json()},
                  {"reset_cells", config.reset_cells},
                  {"split_inputs", i > 0}},
                 {}};
      if (config.init_inner) layer.config["init_inner"] = config.init_inner->to_json();
      parts_.push_back(std::move(layer));
    }
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"nout": 4, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic", "depth": 2})",
             {3, 4}}};
  }
};

const OnShelf<GraphPart, DeepBiRNN> registered_rnn(
    "DeepBiRNN", "several BiRNN one behind the other",
    R"((features, time steps) → (2·nout, time steps). The first layer gives all features to both directions; in the further ones each
direction goes on with its own (`split_inputs`). With `bi_sum` the directions are added after each layer instead, →
(nout, time steps). The layers get names of their own: BiRNN_0, BiSum_0, BiRNN_1, …)");
const OnShelf<GraphPart, DeepBiLSTM> registered_lstm(
    "DeepBiLSTM", "several BiLSTM one behind the other",
    R"((features, time steps) → (2·nout, time steps). The first layer gives all features to both directions; in the further ones each
direction goes on with its own (`split_inputs`). The layers get names of their own: BiLSTM_0, BiLSTM_1, …)");

}  // namespace
}  // namespace neon
