#pragma once
#include "neon/booking.h"

namespace neon {

/// The steps of a layer whose vendor kernels multiply by weights, add an absorbed bias and apply an absorbed
/// activation: Linear and Convolution.
class ProductSteps : public LayerSteps {
 public:
  explicit ProductSteps(const Group& group) : group_(group) {}
  Value forward(Booking& booking, const Value& src) final;
  Value backward(Booking& booking, const Value& diff_dst, bool wants_diff_src) final;

 protected:
  virtual tensor::Kernel forward_kernel(const tensor::Layout& src, const tensor::Layout& weights,
                                        const tensor::Product& product) const = 0;
  virtual tensor::Kernel data_kernel(const tensor::ForwardHint& hint, const tensor::Layout& weights,
                                     const tensor::Layout& diff_dst) const = 0;
  virtual tensor::Kernel weights_kernel(const tensor::ForwardHint& hint, const tensor::Layout& src,
                                        const tensor::Layout& diff_dst, bool bias) const = 0;

 private:
  int threads(const Booking& booking) const;
  void weights_gradient(Booking& booking, const Value& error);

  Group group_;
  tensor::ForwardHint hint_;
  Value src_, dst_;
};

}  // namespace neon
