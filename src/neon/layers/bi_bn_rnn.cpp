#include "neon/layers/recurrent_config.h"

namespace neon {
namespace {

class BiBNRNN final : public RecurrentLayer {
 public:
  using Config = BothDirections<RecurrentConfig>;
  explicit BiBNRNN(const Config& config) : RecurrentLayer(kind_of(config), config.name) {}

  static std::vector<LayerCase> cases() {
    return {{R"({"output_size": 5, "init": "Gaussian", "activation": "Tanh"})", {4, 6}},
            {R"({"output_size": 3, "init": "Gaussian", "activation": "Tanh", "split_inputs": true})", {4, 5}}};
  }

 private:
  static RecurrentKind kind_of(const Config& config) {
    RecurrentKind kind = config.kind(tensor::Cell::simple);
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
before the first step of every batch, whatever `reset_cells` says: backwards there is nothing to go on from. (neon carries the
state on in some cases, which depend on which tensor objects come in.) Gradients go back through all steps of the batch.)");

}  // namespace
}  // namespace neon
