#include "neon/layers/product_steps.h"

#include "neon/element_wise.h"
#include "neon/parallel.h"
#include "neon/threads.h"

namespace neon {

using tensor::Slot;

int ProductSteps::threads(const Booking& booking) const {
  return threads_for_product(group_.node->layer->operations(group_.node->in) *
                             static_cast<double>(booking.batch_size()));
}

Value ProductSteps::forward(Booking& booking, const Value& src) {
  const ThreadScope scope(threads(booking));
  const std::string& name = group_.node->name;
  const Node* bias = group_.bias();
  Parameter& w = booking.parameter(*group_.node, "W");
  tensor::Product product{booking.training(), bias != nullptr, {}};
  const auto then = group_.then();
  if (then && !then->identity) product.then = then->function;

  tensor::Kernel kernel = forward_kernel(src.layout, w.layout, product);
  hint_ = kernel.storage();
  src_ = booking.in_layout(src, kernel.layout(Slot::src), name + " input in another order");
  const Value weights = booking.weights(w, kernel.layout(Slot::weights));
  dst_ = booking.value(kernel.layout(Slot::dst));
  std::vector<std::pair<Slot, int>> buffers{
      {Slot::src, src_.buffer}, {Slot::weights, weights.buffer}, {Slot::dst, dst_.buffer}};
  if (bias != nullptr) {
    const Value b = booking.weights(booking.parameter(*bias, "W"), kernel.layout(Slot::bias));
    buffers.emplace_back(Slot::bias, b.buffer);
  }
  booking.add(name + " forward", std::move(kernel), std::move(buffers));
  return dst_;
}

Value ProductSteps::backward(Booking& booking, const Value& diff_dst, bool wants_diff_src) {
  const std::string& name = group_.node->name;
  Value error = diff_dst;
  if (const auto then = group_.then()) error = through_derivative(booking, *then, dst_, diff_dst, name);
  weights_gradient(booking, error);
  if (!wants_diff_src) return {};

  const ThreadScope scope(threads(booking));
  const Parameter& w = booking.parameter(*group_.node, "W");
  tensor::Kernel kernel = data_kernel(hint_, w.layout, error.layout);
  const Value dy = booking.in_layout(error, kernel.layout(Slot::diff_dst), name + " error in another order");
  const Value weights = booking.weights(booking.parameter(*group_.node, "W"), kernel.layout(Slot::weights));
  const Value diff_src = booking.value(kernel.layout(Slot::diff_src));
  booking.add(name + " backward data", std::move(kernel),
              {{Slot::diff_dst, dy.buffer}, {Slot::weights, weights.buffer}, {Slot::diff_src, diff_src.buffer}});
  return diff_src;
}

void ProductSteps::weights_gradient(Booking& booking, const Value& error) {
  const std::string& name = group_.node->name;
  const ThreadScope scope(threads(booking));
  const Node* bias = group_.bias();
  tensor::Kernel kernel = weights_kernel(hint_, src_.layout, error.layout, bias != nullptr);
  const Value x = booking.in_layout(src_, kernel.layout(Slot::src), name + " input in another order");
  const Value dy = booking.in_layout(error, kernel.layout(Slot::diff_dst), name + " error in another order");
  Parameter& w = booking.parameter(*group_.node, "W");
  const Value dw = booking.gradient(w, kernel.layout(Slot::diff_weights));
  std::vector<std::pair<Slot, int>> buffers{
      {Slot::src, x.buffer}, {Slot::diff_dst, dy.buffer}, {Slot::diff_weights, dw.buffer}};
  if (bias == nullptr) {
    booking.add(name + " backward weights", std::move(kernel), std::move(buffers));
    booking.deliver(dw, w);
    return;
  }
  Parameter& b = booking.parameter(*bias, "W");
  const Value db = booking.gradient(b, kernel.layout(Slot::diff_bias));
  buffers.emplace_back(Slot::diff_bias, db.buffer);
  booking.add(name + " backward weights", std::move(kernel), std::move(buffers));
  booking.deliver(dw, w);
  booking.deliver(db, b);
}

}  // namespace neon
