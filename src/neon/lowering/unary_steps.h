#pragma once
#include "neon/lowering/lowering.h"

namespace neon {

/// The steps of a layer with one input and one output.
class UnarySteps : public LayerSteps {
 public:
  virtual Value forward(Lowering& lowering, const Value& src) = 0;
  /// Writes the parameters' gradients and returns the input's, unless nobody wants it.
  virtual Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) = 0;

  std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) final {
    return {forward(lowering, srcs[0])};
  }
  std::vector<Value> backward(Lowering& lowering, std::span<const Value> diff_dsts,
                              const std::vector<bool>& wanted) final {
    return {backward(lowering, diff_dsts[0], wanted[0])};
  }
};

}  // namespace neon
