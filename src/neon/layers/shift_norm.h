#pragma once
#include "neon/layer.h"

namespace neon {

/// Batch normalisation whose factors are powers of two, P(s) = sign(s)·2^round(log2 |s|): with c = x - mean and
/// variance = mean of c·P(c), y = P(gamma)·P(1/sqrt(variance + eps))·c + beta. The way back takes each power as the
/// number that it stands for, which is no derivative: what is computed is flat between its jumps. Parameters: gamma,
/// beta, gmean, gvar. Source: Courbariaux, Hubara, Soudry, El-Yaniv and Bengio 2016.
struct ShiftNorm {
  double rho = 0, eps = 0;

  std::unique_ptr<LayerSteps> lower(const Group& group) const;
  std::vector<std::string> onnx(OnnxNodes& nodes) const;
  void reference_forward(Reference& r) const;
  void reference_backward(Reference& r) const;
};

}  // namespace neon
