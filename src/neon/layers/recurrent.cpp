#include "neon/layers/recurrent_config.h"

namespace neon {
namespace {

class Recurrent final : public RecurrentLayer {
 public:
  using Config = RecurrentConfig;
  explicit Recurrent(const Config& config) : RecurrentLayer(config.kind(tensor::Cell::simple), config.name) {}

  static std::vector<LayerCase> cases() {
    return {
        {R"({"output_size": 5, "init": "Gaussian", "activation": "Tanh"})", {4, 6}},
        {R"({"output_size": 16, "init": "Gaussian", "activation": "Rectlin", "init_inner": "GlorotUniform", "reset_cells": true})",
         {3, 2}},
        {R"({"output_size": 3, "init": "Gaussian", "activation": "Tanh"})", {4, 1}},
        {R"({"output_size": 4, "init": "Gaussian", "activation": "Logistic"})", {2, 3, 5}},
        {R"({"output_size": 5, "init": "Gaussian", "activation": "Tanh"})", {3, 7}, {{{1}, tensor::Dtype::i32}}}};
  }
};

const OnShelf<GraphPart, Recurrent> registered(
    "Recurrent", "a state that each time step makes of the input and of the state before",
    R"(h_t = activation(W_input·x_t + W_recur·h_{t−1} + b), (features, time steps) → (output_size, time steps).

The input is a sequence (features, time steps); of images (c, h, w) the columns are the steps and c·h the features. The state is 0
before the first step of every batch, and then rows go on from nothing. Of data in `streams` (a key of the model file's dataset,
for a long text cut into pieces) a row of a batch goes on from the last state of that row in the batch before, unless
`reset_cells`; it is 0 again when an epoch or an evaluation begins. A checkpoint within an epoch has these states, so a resumed
training ends with the same bits; ONNX export refuses such a model. (neon carries the state on depending on which tensor
objects come in.) Gradients go back through all steps of the batch, not further.

Parameter: W (nin + output_size + 1, output_size) as neon stores it, which is W_input (output_size, nin), W_recur (output_size,
output_size) and b, each row-major in its own shape and one
after the other. Biases start as 0.)",
    {{"RNN", ""}, {"SimpleRNN", ""}, {"Elman", ""}});

}  // namespace
}  // namespace neon
