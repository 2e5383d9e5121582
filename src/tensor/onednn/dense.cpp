#include "tensor/onednn/engine.h"

namespace tensor {

using onednn::any;
using onednn::desc_of;
using Forward = dnnl::inner_product_forward;
using BackwardData = dnnl::inner_product_backward_data;
using BackwardWeights = dnnl::inner_product_backward_weights;

namespace {

Shape weights_shape(const Layout& src, std::int64_t nout) {
  Shape shape = src.shape();
  shape[0] = nout;
  return shape;
}

/// The vendor's plain sgemm walks weights whose rows are multiples of 4 KB several times slower in one direction than
/// in the other: the forward product wants rows of inputs, the input gradient rows of outputs. Its packed kernels do
/// not care.
template <class Description>
bool is_stride_bound(const Description& description, std::int64_t nin) {
  return nin % 1024 == 0 && std::string_view(description.impl_info_str()).find("gemm:jit") != std::string_view::npos;
}

std::int64_t inputs_of(const Shape& shape) { return element_count(shape) / shape[0]; }

}  // namespace

Kernel dense_forward(const Layout& src, const Layout& weights, std::int64_t nout, const Product& product) {
  return onednn::guarded("a dense layer", [&] {
    const Shape w = weights_shape(src, nout);
    const dnnl::memory::desc bias = product.bias ? any({nout}) : dnnl::memory::desc();
    const auto make = [&](int attempt, const dnnl::memory::desc& free_weights) {
      const bool keep_src = attempt == 0 && src.dtype() == Dtype::f32;
      const bool keep_weights = attempt < 2 && weights;
      return Forward::primitive_desc(
          {product.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference,
           keep_src ? desc_of(src) : any(src.shape()), keep_weights ? desc_of(weights) : free_weights, bias,
           any({src.shape()[0], nout})},
          onednn::attributes(product.then), onednn::engine());
    };
    auto description = onednn::best_of("a dense layer", 3, [&](int attempt) { return make(attempt, any(w)); });
    if (!weights && is_stride_bound(description, inputs_of(w)))
      description = onednn::best_of("a dense layer", 3, [&](int attempt) {
        return make(attempt, attempt == 0 ? desc_of(Layout::row_major(Dtype::f32, w)) : any(w));
      });
    auto storage = onednn::kernel_of<Forward>(description);
    storage->add(Slot::src, description.src_desc());
    storage->add(Slot::weights, description.weights_desc());
    if (product.bias) storage->add(Slot::bias, description.bias_desc());
    storage->add(Slot::dst, description.dst_desc());
    storage->dense = description;
    return Kernel(std::move(storage));
  });
}

Kernel dense_backward_data(const ForwardHint& forward, const Layout& weights, const Layout& diff_dst) {
  return onednn::guarded("a dense layer's input gradient", [&] {
    const auto& hint = forward->dense;
    const auto make = [&](int attempt, const dnnl::memory::desc& first_weights) {
      return BackwardData::primitive_desc({attempt == 0 ? hint.src_desc() : any(hint.src_desc().dims()),
                                           attempt == 0  ? first_weights
                                           : attempt < 2 ? desc_of(weights)
                                                         : any(weights.shape()),
                                           attempt < 2 ? desc_of(diff_dst) : any(diff_dst.shape())},
                                          onednn::attributes(), onednn::engine(), hint);
    };
    auto description = onednn::best_of("a dense layer's input gradient", 3,
                                       [&](int attempt) { return make(attempt, desc_of(weights)); });
    const Shape& w = weights.shape();
    if (w.size() == 2 && is_stride_bound(description, w[1])) {
      const dnnl::memory::desc outputs_in_rows(w, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ba);
      description = onednn::best_of("a dense layer's input gradient", 3,
                                    [&](int attempt) { return make(attempt, outputs_in_rows); });
    }
    auto storage = onednn::kernel_of<BackwardData>(description);
    storage->add(Slot::diff_dst, description.diff_dst_desc());
    storage->add(Slot::weights, description.weights_desc());
    storage->add(Slot::diff_src, description.diff_src_desc());
    return Kernel(std::move(storage));
  });
}

Kernel dense_backward_weights(const ForwardHint& forward, const Layout& src, const Layout& diff_dst, bool bias) {
  return onednn::guarded("a dense layer's weight gradient", [&] {
    const auto& hint = forward->dense;
    const auto weights = hint.weights_desc();
    const auto description = onednn::best_of("a dense layer's weight gradient", 3, [&](int attempt) {
      return BackwardWeights::primitive_desc(
          {attempt < 2 ? desc_of(src) : any(src.shape()), attempt == 0 ? weights : any(weights.dims()),
           bias ? any({diff_dst.shape()[1]}) : dnnl::memory::desc(),
           attempt < 2 ? desc_of(diff_dst) : any(diff_dst.shape())},
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
