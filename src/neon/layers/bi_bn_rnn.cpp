#include "neon/layers/recurrent_layer.h"

namespace neon {
namespace {

class BiBNRNN final : public RecurrentLayer {
 public:
  struct Config {
    std::int64_t output_size = 0;
    Part init;
    std::optional<Part> init_inner;
    Part activation;
    bool reset_cells = false;
    bool split_inputs = false;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("output_size", &Config::output_size, "numbers in the state, which is the output")
              .positive()
              .required(),
          base::field("init", &Config::init, "how the weights of the inputs start, each gate by itself").required(),
          base::field("init_inner", &Config::init_inner, "the same for the weights of the state; `init` without"),
          base::field("activation", &Config::activation, "of the new state").required(),
          base::field("reset_cells", &Config::reset_cells,
                      "whether each batch starts from a state of 0; it always does"),
          base::field("split_inputs", &Config::split_inputs,
                      "the forward direction reads the first half of the features, the other one the second"),
          base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit BiBNRNN(const Config& config) : RecurrentLayer(kind_of(config), config.name) {}

  static std::vector<LayerCase> cases() {
    return {{R"({"output_size": 5, "init": "Gaussian", "activation": "Tanh"})", {4, 6}},
            {R"({"output_size": 3, "init": "Gaussian", "activation": "Tanh", "split_inputs": true})", {4, 5}}};
  }

 private:
  static RecurrentKind kind_of(const Config& config) {
    RecurrentKind kind(tensor::Cell::simple, config.output_size, config.init, config.init_inner, config.activation);
    kind.both_directions = true;
    kind.split_inputs = config.split_inputs;
    kind.batch_norm = true;
    return kind;
  }
};

const OnShelf<GraphPart, BiBNRNN> registered(
    "BiBNRNN", "a BiRNN that normalises what the inputs give",
    R"(As `BiRNN`, but W_input·x is normalised over batch and time, each number by itself, before bias and state come to it:
y = gamma·(p − mean) / sqrt(variance + 0.001) + beta, with running statistics of weight 0.9 for prediction. Parameter: W (2·(nin + output_size + 1), output_size) as neon stores it: W_input of the forward direction, of
the other one, then both W_recur, then both biases, each row-major in its own shape. nin is what one direction reads.
Further parameters: gamma, beta, gmean, gvar, each (2·output_size), the forward direction first. Source: Laurent et al. 2015, "Batch
normalized recurrent neural networks".

The input is a sequence (features, time steps); of images (c, h, w) the columns are the steps and c·h the features. The state is 0
before the first step of every batch, whatever `reset_cells` says: examples do not go on from those of the batch before, so a
resumed training needs no state. (neon carries the state on in some cases, which depend on which tensor objects come in.)
Gradients go back through all steps of the batch.)");

}  // namespace
}  // namespace neon
