#include "neon/layers/recurrent_config.h"

namespace neon {
namespace {

class LSTM final : public RecurrentLayer {
 public:
  using Config = GatedConfig;
  explicit LSTM(const Config& config) : RecurrentLayer(config.kind(tensor::Cell::lstm), config.name) {}

  static std::vector<LayerCase> cases() {
    return {
        {R"({"output_size": 5, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic"})", {4, 6}},
        {R"({"output_size": 16, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic", "init_inner": "GlorotUniform", "reset_cells": true})",
         {3, 2}},
        {R"({"output_size": 3, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic"})", {4, 1}},
        {R"({"output_size": 4, "init": "Gaussian", "activation": "Logistic", "gate_activation": "Tanh"})", {2, 3, 5}},
        {R"({"output_size": 5, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic"})",
         {3, 7},
         {{{}, tensor::Dtype::i32}}}};
  }
};

const OnShelf<GraphPart, LSTM> registered(
    "LSTM", "long short-term memory: a cell that gates fill, keep and show",
    R"(i, f, o = gate_activation(W·x_t + R·h_{t−1} + b) and g = activation(W·x_t + R·h_{t−1} + b), each with its part of W, R and b;
c_t = f·c_{t−1} + i·g and h_t = o·activation(c_t). (features, time steps) → (output_size, time steps). No peepholes; the bias
of f starts as 0 like the others. Source: Hochreiter and Schmidhuber 1997, Gers et al. 2000.

The input is a sequence (features, time steps); of images (c, h, w) the columns are the steps and c·h the features. The state is 0
before the first step of every batch, and then rows go on from nothing. Of data in `streams` (a key of the model file's dataset,
for a long text cut into pieces) a row of a batch goes on from the last state of that row in the batch before, unless
`reset_cells`; it is 0 again when an epoch or an evaluation begins. A checkpoint within an epoch has these states, so a resumed
training ends with the same bits; ONNX export refuses such a model. (neon carries the state on depending on which tensor
objects come in.) Gradients go back through all steps of the batch, not further.

Parameter: W (nin + output_size + 1, 4·output_size) as neon stores it, which is W (4·output_size, nin), R (4·output_size,
output_size) and b, the gates in the order i, f, o, g, each row-major in its own shape and one
after the other. Biases start as 0.)");

}  // namespace
}  // namespace neon
