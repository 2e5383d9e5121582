#include "tensor/onednn/engine.h"

namespace tensor {

using onednn::any;
using onednn::desc_of;
using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;

namespace {

/// oneDNN counts a dilation of 1 as 0.
Shape dilation_of(const Window& window) {
  Shape dilation = window.dilation;
  for (auto& d : dilation) --d;
  return dilation;
}

/// Input in fewer than 4 channels is best read as it lies; anything else in the order that the kernel likes.
dnnl::memory::desc wanted_src(const Layout& src, int attempt) {
  const bool few = src.shape()[1] < 4 && src.dtype() == Dtype::f32;
  return (attempt == 0 && few) ? desc_of(src) : any(src.shape());
}

}  // namespace

Kernel convolution_forward(const Layout& src, const Layout& weights, const Shape& dst, const Window& window,
                           const Product& product) {
  return onednn::guarded("a convolution", [&] {
    Shape w{dst[1], src.shape()[1]};
    w.insert(w.end(), window.size.begin(), window.size.end());
    const dnnl::memory::desc bias = product.bias ? any({dst[1]}) : dnnl::memory::desc();
    const auto description = onednn::best_of("a convolution", 3, [&](int attempt) {
      return Forward::primitive_desc(
          {product.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference,
           dnnl::algorithm::convolution_direct, wanted_src(src, attempt),
           attempt < 2 && weights ? desc_of(weights) : any(w), bias, any(dst), window.strides, dilation_of(window),
           window.padding, window.padding},
          onednn::attributes(product.then), onednn::engine());
    });
    auto storage = onednn::kernel_of<Forward>(description);
    storage->add(Slot::src, description.src_desc());
    storage->add(Slot::weights, description.weights_desc());
    if (product.bias) storage->add(Slot::bias, description.bias_desc());
    storage->add(Slot::dst, description.dst_desc());
    storage->convolution = description;
    return Kernel(std::move(storage));
  });
}

Kernel convolution_backward_data(const ForwardHint& forward, const Window& window, const Layout& weights,
                                 const Layout& diff_dst) {
  return onednn::guarded("a convolution's input gradient", [&] {
    const auto& hint = forward->convolution;
    const auto description = onednn::best_of("a convolution's input gradient", 2, [&](int attempt) {
      return BackwardData::primitive_desc(
          {dnnl::algorithm::convolution_direct, attempt == 0 ? hint.src_desc() : any(hint.src_desc().dims()),
           any(weights.shape()), attempt == 0 ? desc_of(diff_dst) : any(diff_dst.shape()), window.strides,
           dilation_of(window), window.padding, window.padding},
          onednn::attributes(), onednn::engine(), hint);
    });
    auto storage = onednn::kernel_of<BackwardData>(description);
    storage->add(Slot::diff_dst, description.diff_dst_desc());
    storage->add(Slot::weights, description.weights_desc());
    storage->add(Slot::diff_src, description.diff_src_desc());
    return Kernel(std::move(storage));
  });
}

Kernel convolution_backward_weights(const ForwardHint& forward, const Window& window, const Layout& src,
                                    const Layout& diff_dst, bool bias) {
  return onednn::guarded("a convolution's weight gradient", [&] {
    const auto& hint = forward->convolution;
    const auto weights = hint.weights_desc();
    const auto description = onednn::best_of("a convolution's weight gradient", 3, [&](int attempt) {
      return BackwardWeights::primitive_desc(
          {dnnl::algorithm::convolution_direct, attempt < 2 ? desc_of(src) : any(src.shape()),
           attempt == 0 ? weights : any(weights.dims()), bias ? any({diff_dst.shape()[1]}) : dnnl::memory::desc(),
           attempt < 2 ? desc_of(diff_dst) : any(diff_dst.shape()), window.strides, dilation_of(window), window.padding,
           window.padding},
          onednn::attributes(), onednn::engine(), hint);
    });
    auto storage = onednn::kernel_of<BackwardWeights>(description);
    storage->add(Slot::src, description.src_desc());
    storage->add(Slot::diff_dst, description.diff_dst_desc());
    storage->add(Slot::diff_weights, description.diff_weights_desc());
    if (bias) storage->add(Slot::diff_bias, description.diff_bias_desc());
    return Kernel(std::move(storage));
  });
}

}  // namespace tensor
