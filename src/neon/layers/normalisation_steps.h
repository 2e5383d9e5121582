#pragma once
#include "neon/lowering/unary_steps.h"

namespace neon {

/// The steps of a normalisation with gamma and beta whose way back is one kernel: forward from the input to the output
/// and what the backward kernel needs; backward to the gradients of all three. Running statistics, where the layer has
/// some, are its parameters gmean and gvar.
class NormalisationSteps : public UnarySteps {
 public:
  explicit NormalisationSteps(const Node& node) : node_(node) {}
  Value forward(Lowering& lowering, const Value& src) final;
  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) final;

 protected:
  const Node& node() const { return node_; }

 private:
  /// The value in an order that the kernels take.
  virtual Value ordered(Lowering& lowering, const Value& src) const = 0;
  /// `of_batch`: with the statistics of the batch, where the layer has running ones.
  virtual tensor::Kernel forward_kernel(const tensor::Layout& layout, bool of_batch) const = 0;
  virtual tensor::Kernel backward_kernel(const tensor::Layout& layout, bool of_batch) const = 0;

  const Node& node_;
  Value x_;
  int saved_ = -1;
};

}  // namespace neon
