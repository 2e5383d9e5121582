#include "tensor/onednn/engine.h"

namespace tensor {

using onednn::any;
using onednn::desc_of;
using Forward = dnnl::pooling_forward;
using Backward = dnnl::pooling_backward;

namespace {

dnnl::algorithm algorithm_of(PoolingKind kind) {
  return kind == PoolingKind::max ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_exclude_padding;
}

}  // namespace

Kernel pooling_forward(const Layout& src, const Shape& dst, const Window& window, PoolingKind kind, bool training) {
  const auto description = onednn::best_of("a pooling layer", 1, [&](int) {
    return Forward::primitive_desc(
        {training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference, algorithm_of(kind),
         desc_of(src), any(dst), window.strides, window.size, window.padding, window.padding},
        onednn::attributes(), onednn::engine());
  });
  auto storage = onednn::kernel_of<Forward>(description);
  storage->add(Slot::src, description.src_desc());
  storage->add(Slot::dst, description.dst_desc());
  storage->add(Slot::workspace, description.workspace_desc());
  storage->pooling = description;
  return Kernel(std::move(storage));
}

Kernel pooling_backward(const ForwardHint& forward, const Window& window, PoolingKind kind) {
  const auto& hint = forward->pooling;
  // The workspace belongs to the forward kernel's order, so the gradients follow that order.
  const auto description = onednn::best_of("a pooling layer's gradient", 1, [&](int) {
    return Backward::primitive_desc({algorithm_of(kind), hint.src_desc(), hint.dst_desc(), window.strides, window.size,
                                     window.padding, window.padding},
                                    onednn::attributes(), onednn::engine(), hint);
  });
  auto storage = onednn::kernel_of<Backward>(description);
  storage->add(Slot::diff_dst, description.diff_dst_desc());
  storage->add(Slot::diff_src, description.diff_src_desc());
  storage->add(Slot::workspace, description.workspace_desc());
  return Kernel(std::move(storage));
}

}  // namespace tensor
