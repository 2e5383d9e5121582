#pragma once
#include <string_view>

namespace job {

/// A model file of our own that touches what most of them do: what is to come finds code and memory warm.
inline constexpr std::string_view kSmallModel = R"(
layers:
  - {type: Conv, config: {fshape: [3, 3, 8], padding: 1, init: {type: Kaiming}, batch_norm: true, activation: {type: Rectlin}}}
  - {type: Pooling, config: {fshape: 2}}
  - {type: Affine, config: {nout: 4, init: {type: GlorotUniform}, activation: {type: Softmax}}}
cost: CrossEntropyMulti
optimizer: {type: GradientDescentMomentum, config: {learning_rate: 0.1, momentum_coef: 0.9}}
dataset: {etl: [{type: image, height: 8, width: 8, channels: 3}, {type: label}]}
)";

}  // namespace job
