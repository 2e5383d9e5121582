#include "neon/layers/product_steps.h"

#include "neon/lowering/element_wise.h"
#include "tensor/parallel.h"
#include "tensor/threads.h"

namespace neon {

using tensor::Slot;

int ProductSteps::threads(const Lowering& lowering) const {
  return tensor::threads_for_product(group_.node->operations() * static_cast<double>(lowering.batch_size()));
}

bool ProductSteps::has_bias(const Node* absorbed) const {
  const auto& own = group_.node->parameters;
  return absorbed != nullptr || (own.size() > 1 && own[1].name == "weight_bias");
}

Parameter* ProductSteps::bias_of(Lowering& lowering, const Node* absorbed) const {
  if (absorbed != nullptr) return &lowering.parameter(*absorbed, "W");
  return has_bias(absorbed) ? &lowering.parameter(*group_.node, "weight_bias") : nullptr;
}

Value ProductSteps::multiplier(Lowering& lowering, const tensor::Layout& wanted) {
  return lowering.weights(lowering.parameter(*group_.node, "W"), wanted);
}

Value ProductSteps::forward(Lowering& lowering, const Value& src) {
  const tensor::ThreadScope scope(threads(lowering));
  const std::string& name = group_.node->name;
  Parameter* b = bias_of(lowering, group_.bias());
  const Parameter& w = lowering.parameter(*group_.node, "W");
  tensor::Product product{lowering.training(), b != nullptr, {}};
  const auto then = group_.then();
  if (then) product.then = then->transform->vendor_function();

  const tensor::Kernel kernel = lowering.choose(name + " forward", forward_kernels(src.layout, w.layout, product));
  forward_ = kernel;
  src_ = lowering.in_layout(src, kernel->layout(Slot::src), name + " input in another order");
  const Value weights = multiplier(lowering, kernel->layout(Slot::weights));
  dst_ = lowering.value(kernel->layout(Slot::dst));
  std::vector<std::pair<Slot, int>> buffers{
      {Slot::src, src_.buffer}, {Slot::weights, weights.buffer}, {Slot::dst, dst_.buffer}};
  if (b != nullptr) buffers.emplace_back(Slot::bias, lowering.weights(*b, kernel->layout(Slot::bias)).buffer);
  lowering.add(name + " forward", kernel, buffers);
  return dst_;
}

Value ProductSteps::backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) {
  const std::string& name = group_.node->name;
  Value error = diff_dst;
  if (const auto then = group_.then()) error = through_derivative(lowering, *then, dst_, diff_dst, name);
  weights_gradient(lowering, error);
  if (!wants_diff_src) return {};

  const tensor::ThreadScope scope(threads(lowering));
  const Parameter& w = lowering.parameter(*group_.node, "W");
  const tensor::Kernel kernel =
      lowering.choose(name + " backward data", data_kernels(forward_, w.layout, error.layout));
  const Value dy = lowering.in_layout(error, kernel->layout(Slot::diff_dst), name + " error in another order");
  const Value weights = multiplier(lowering, kernel->layout(Slot::weights));
  const Value diff_src = lowering.value(kernel->layout(Slot::diff_src));
  lowering.add(name + " backward data", kernel,
               {{Slot::diff_dst, dy.buffer}, {Slot::weights, weights.buffer}, {Slot::diff_src, diff_src.buffer}});
  return diff_src;
}

void ProductSteps::weights_gradient(Lowering& lowering, const Value& error) {
  const std::string& name = group_.node->name;
  const Node* bias = group_.bias();
  Parameter& w = lowering.parameter(*group_.node, "W");
  Parameter* b = bias_of(lowering, bias);
  if (!w.wants_gradient() && (b == nullptr || !b->wants_gradient())) return;
  const tensor::ThreadScope scope(threads(lowering));
  const tensor::Kernel kernel =
      lowering.choose(name + " backward weights", weights_kernels(forward_, src_.layout, error.layout, has_bias(bias)));
  const Value x = lowering.in_layout(src_, kernel->layout(Slot::src), name + " input in another order");
  const Value dy = lowering.in_layout(error, kernel->layout(Slot::diff_dst), name + " error in another order");
  const Value dw = lowering.gradient(w, kernel->layout(Slot::diff_weights));
  std::vector<std::pair<Slot, int>> buffers{
      {Slot::src, x.buffer}, {Slot::diff_dst, dy.buffer}, {Slot::diff_weights, dw.buffer}};
  if (b == nullptr) {
    lowering.add(name + " backward weights", kernel, buffers);
    lowering.deliver(dw, w);
    return;
  }
  const Value db = lowering.gradient(*b, kernel->layout(Slot::diff_bias));
  buffers.emplace_back(Slot::diff_bias, db.buffer);
  lowering.add(name + " backward weights", kernel, buffers);
  lowering.deliver(dw, w);
  lowering.deliver(db, *b);
}

}  // namespace neon
