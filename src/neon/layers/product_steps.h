#pragma once
#include "neon/lowering/unary_steps.h"

namespace neon {

/// The steps of a layer whose vendor kernels multiply by weights, add a bias (its own "weight_bias" or an absorbed one)
/// and apply an absorbed activation: Linear and Convolution.
class ProductSteps : public UnarySteps {
 public:
  explicit ProductSteps(const Group& group) : group_(group) {}
  Value forward(Lowering& lowering, const Value& src) final;
  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) final;

 protected:
  virtual tensor::Candidates forward_kernels(const tensor::Layout& src, const tensor::Layout& weights,
                                             const tensor::Product& product) const = 0;
  virtual tensor::Candidates data_kernels(const tensor::Kernel& forward, const tensor::Layout& weights,
                                          const tensor::Layout& diff_dst) const = 0;
  virtual tensor::Candidates weights_kernels(const tensor::Kernel& forward, const tensor::Layout& src,
                                             const tensor::Layout& diff_dst, bool bias) const = 0;
  /// What a kernel multiplies by, in the layout that it wants.
  virtual Value multiplier(Lowering& lowering, const tensor::Layout& wanted);

  const Group& group() const { return group_; }

 private:
  bool has_bias(const Node* absorbed) const;
  /// That of the absorbed layer, or its own; nullptr without.
  Parameter* bias_of(Lowering& lowering, const Node* absorbed) const;
  int threads(const Lowering& lowering) const;
  void weights_gradient(Lowering& lowering, const Value& error);

  Group group_;
  tensor::Kernel forward_;
  Value src_, dst_;
};

}  // namespace neon
