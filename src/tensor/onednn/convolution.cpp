#include "tensor/onednn/engine.h"
#include "tensor/onednn/products.h"

namespace tensor::onednn {
namespace {

using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;

/// A window as the vendor has it: over (h, w) or (d, h, w), and with a dilation that counts from 0.
struct VendorWindow {
  Shape strides, padding, dilation;
  VendorWindow(const Sliding& window, bool has_depth) {
    const auto list = [&](const PerDimension& p) { return has_depth ? Shape{p.d, p.h, p.w} : Shape{p.h, p.w}; };
    strides = list(window.strides);
    padding = list(window.padding);
    dilation = list({window.dilation.d - 1, window.dilation.h - 1, window.dilation.w - 1});
  }
};

/// Input in fewer than 4 channels is best read as it lies; anything else in the order that the kernel likes.
dnnl::memory::desc wanted_src(const Layout& src, int attempt) {
  const bool few = src.shape()[1] < 4 && src.dtype() == Dtype::f32;
  return (attempt == 0 && few) ? desc_of(src) : any(src.shape());
}

/// What the vendor wants to know of the forward kernel, whoever made it.
Forward::primitive_desc hint_of(const Kernel& forward, const Shape& src, const Shape& weights, const Shape& dst,
                                const VendorWindow& window) {
  if (const VendorKernel* kernel = vendor(forward); kernel != nullptr && kernel->convolution)
    return kernel->convolution;
  return {{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, any(src), any(weights), any(dst),
           window.strides, window.dilation, window.padding, window.padding},
          attributes(),
          engine()};
}

}  // namespace

Candidates convolution_forward(const Layout& src, const Layout& weights, const Shape& dst, const GroupedSliding& window,
                               const Product& product) {
  const VendorWindow v(window, dst.size() == 5);
  const Shape w = convolution_weights(src.shape(), dst[1], window);
  const auto ask = [=](int attempt) {
    return Forward::primitive_desc(
        {product.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference,
         dnnl::algorithm::convolution_direct, wanted_src(src, attempt),
         attempt < 2 && weights ? desc_of(weights) : any(w), product.bias ? any({dst[1]}) : dnnl::memory::desc(),
         any(dst), v.strides, v.dilation, v.padding, v.padding},
        attributes(product.then), engine());
  };
  const auto finish = [bias = product.bias](const Forward::primitive_desc& description) {
    auto kernel = VendorKernel::of<Forward>(description);
    kernel->add(Slot::src, description.src_desc());
    kernel->add(Slot::weights, description.weights_desc());
    if (bias) kernel->add(Slot::bias, description.bias_desc());
    kernel->add(Slot::dst, description.dst_desc());
    kernel->convolution = description;
    return kernel;
  };
  return candidates({{"few channels and weights as they lie", 0}, {"weights as they lie", 1}, {"any order", 2}}, ask,
                    finish);
}

Candidates convolution_backward_data(const Kernel& forward, const GroupedSliding& window, const Layout& weights,
                                     const Layout& diff_dst) {
  const Shape& src = forward->layout(Slot::src).shape();
  const VendorWindow v(window, src.size() == 5);
  const auto ask = [=](int attempt) {
    const auto hint = hint_of(forward, src, weights.shape(), diff_dst.shape(), v);
    return BackwardData::primitive_desc(
        {dnnl::algorithm::convolution_direct, attempt == 0 ? hint.src_desc() : any(src), any(weights.shape()),
         attempt == 0 ? desc_of(diff_dst) : any(diff_dst.shape()), v.strides, v.dilation, v.padding, v.padding},
        attributes(), engine(), hint);
  };
  const auto finish = [](const BackwardData::primitive_desc& description) {
    auto kernel = VendorKernel::of<BackwardData>(description);
    kernel->add(Slot::diff_dst, description.diff_dst_desc());
    kernel->add(Slot::weights, description.weights_desc());
    kernel->add(Slot::diff_src, description.diff_src_desc());
    return kernel;
  };
  return candidates({{"input and error as they lie", 0}, {"any order", 1}}, ask, finish);
}

Candidates convolution_backward_weights(const Kernel& forward, const GroupedSliding& window, const Layout& src,
                                        const Layout& diff_dst, bool bias) {
  const VendorWindow v(window, src.shape().size() == 5);
  const Shape w = convolution_weights(src.shape(), diff_dst.shape()[1], window);
  const auto ask = [=](int attempt) {
    const auto hint = hint_of(forward, src.shape(), w, diff_dst.shape(), v);
    return BackwardWeights::primitive_desc(
        {dnnl::algorithm::convolution_direct, attempt < 2 ? desc_of(src) : any(src.shape()),
         attempt == 0 ? hint.weights_desc() : any(w), bias ? any({diff_dst.shape()[1]}) : dnnl::memory::desc(),
         attempt < 2 ? desc_of(diff_dst) : any(diff_dst.shape()), v.strides, v.dilation, v.padding, v.padding},
        attributes(), engine(), hint);
  };
  const auto finish = [bias](const BackwardWeights::primitive_desc& description) {
    auto kernel = VendorKernel::of<BackwardWeights>(description);
    kernel->add(Slot::src, description.src_desc());
    kernel->add(Slot::diff_dst, description.diff_dst_desc());
    kernel->add(Slot::diff_weights, description.diff_weights_desc());
    if (bias) kernel->add(Slot::diff_bias, description.diff_bias_desc());
    return kernel;
  };
  return candidates({{"all as it lies", 0}, {"input and error as they lie", 1}, {"any order", 2}}, ask, finish);
}

}  // namespace tensor::onednn
