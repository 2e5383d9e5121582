#include "neon/layers/recurrent_config.h"

namespace neon {
namespace {

class BiLSTM final : public RecurrentLayer {
 public:
  using Config = BothDirections<GatedConfig>;
  explicit BiLSTM(const Config& config) : RecurrentLayer(config.kind(tensor::Cell::lstm), config.name) {}

  static std::vector<LayerCase> cases() {
    return {
        {R"({"output_size": 5, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic"})", {4, 6}},
        {R"({"output_size": 3, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic", "split_inputs": true})",
         {4, 5}},
        {R"({"output_size": 5, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic"})",
         {3, 7},
         {{{}, tensor::Dtype::i32}}}};
  }
};

const OnShelf<GraphPart, BiLSTM> registered(
    "BiLSTM", "an LSTM in each direction of time",
    R"(One `LSTM` reads the steps from the first to the last, another one from the last to the first: (features, time steps) → (2·output_size, time
steps), the forward direction first. With `split_inputs` the forward one reads the first half of the features and the other one the
second, as after a layer of this kind. Parameter: W (2·(nin + output_size + 1), 4·output_size) as neon stores it: W_input of the forward direction, of
the other one, then both W_recur, then both biases, each row-major in its own shape. nin is what one direction reads.

The input is a sequence (features, time steps); of images (c, h, w) the columns are the steps and c·h the features. The state is 0
before the first step of every batch, whatever `reset_cells` says: backwards there is nothing to go on from. (neon carries the
state on in some cases, which depend on which tensor objects come in.) Gradients go back through all steps of the batch.)",
    {{"Bidirectional", "write BiRNN or BiLSTM"}});

}  // namespace
}  // namespace neon
