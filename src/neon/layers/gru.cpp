#include "neon/layers/recurrent_config.h"

namespace neon {
namespace {

class GRU final : public RecurrentLayer {
 public:
  using Config = GatedConfig;
  explicit GRU(const Config& config) : RecurrentLayer(config.kind(tensor::Cell::gru), config.name) {}

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

const OnShelf<GraphPart, GRU> registered(
    "GRU", "gated recurrent unit: a state that gates reset and renew",
    R"(r, z = gate_activation(W·x_t + R·h_{t−1} + b), candidate = activation(W·x_t + R·(r∘h_{t−1}) + b), each with its part of W, R and b;
h_t = (1 − z)·h_{t−1} + z·candidate. (features, time steps) → (output_size, time steps). In PyTorch r comes after the product with R,
and z is 1 − z. Source: Cho et al. 2014.

The input is a sequence (features, time steps); of images (c, h, w) the columns are the steps and c·h the features. The state is 0
before the first step of every batch, and then rows go on from nothing. Of data in `streams` (a key of the model file's dataset,
for a long text cut into pieces) a row of a batch goes on from the last state of that row in the batch before, unless
`reset_cells`; it is 0 again when an epoch or an evaluation begins. A checkpoint within an epoch has these states, so a resumed
training ends with the same bits; ONNX export refuses such a model. (neon carries the state on depending on which tensor
objects come in.) Gradients go back through all steps of the batch, not further.

Parameter: W (nin + output_size + 1, 3·output_size) as neon stores it, which is W (3·output_size, nin), R (3·output_size,
output_size) and b, the gates in the order r, z, candidate, each row-major in its own shape and one
after the other. Biases start as 0.)");

}  // namespace
}  // namespace neon
