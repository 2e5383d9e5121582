#include "neon/layers/normalisation_steps.h"

namespace neon {

using tensor::Slot;

Value NormalisationSteps::forward(Lowering& lowering, const Value& src) {
  x_ = ordered(lowering, src);
  const tensor::Kernel kernel = forward_kernel(x_.layout, lowering.takes_statistics(node_));
  saved_ = lowering.workspace(kernel);
  const Value y = lowering.value(x_.layout);
  if (!lowering.training()) lowering.may_replace(x_, y);
  std::vector<std::pair<Slot, int>> buffers{{Slot::src, x_.buffer}, {Slot::dst, y.buffer}, {Slot::workspace, saved_}};
  for (const ParameterSpec& spec : node_.parameters) {
    const Slot slot = spec.name == "gamma"   ? Slot::scale
                      : spec.name == "beta"  ? Slot::shift
                      : spec.name == "gmean" ? Slot::mean
                                             : Slot::variance;
    buffers.emplace_back(slot, lowering.plain_weights(lowering.parameter(node_, spec.name)).buffer);
  }
  lowering.add(node_.name + " forward", kernel, buffers);
  return y;
}

Value NormalisationSteps::backward(Lowering& lowering, const Value& diff_dst, bool) {
  const Value dy = lowering.in_layout(diff_dst, x_.layout, node_.name + " error in another order");
  const Value dx = lowering.value(x_.layout);
  lowering.may_replace(dy, dx);
  lowering.add(node_.name + " backward", backward_kernel(x_.layout, lowering.takes_statistics(node_)),
               {{Slot::src, x_.buffer},
                {Slot::diff_dst, dy.buffer},
                {Slot::scale, lowering.plain_weights(lowering.parameter(node_, "gamma")).buffer},
                {Slot::workspace, saved_},
                {Slot::diff_src, dx.buffer},
                {Slot::diff_scale, lowering.parameter(node_, "gamma").gradient},
                {Slot::diff_shift, lowering.parameter(node_, "beta").gradient}});
  return dx;
}

}  // namespace neon
