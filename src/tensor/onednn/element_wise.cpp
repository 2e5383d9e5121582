#include "tensor/onednn/engine.h"

namespace tensor {

Kernel function_forward(const Layout& src, const FunctionOf& function) {
  const auto algorithm = function.function == Function::rectlin    ? dnnl::algorithm::eltwise_relu
                         : function.function == Function::logistic ? dnnl::algorithm::eltwise_logistic
                                                                   : dnnl::algorithm::eltwise_tanh;
  return onednn::guarded("an activation", [&] {
    const dnnl::eltwise_forward::primitive_desc description(
        {dnnl::prop_kind::forward_training, algorithm, onednn::desc_of(src), function.slope, 0.0f},
        onednn::attributes(), onednn::engine());
    auto kernel = onednn::VendorKernel::of<dnnl::eltwise_forward>(description);
    kernel->add(Slot::src, description.src_desc());
    kernel->add(Slot::dst, description.dst_desc());
    return Kernel(std::move(kernel));
  });
}

Kernel softmax_forward(const Layout& src) {
  return onednn::guarded("a softmax", [&] {
    const dnnl::softmax_forward::primitive_desc description(
        {dnnl::prop_kind::forward_training, onednn::desc_of(src), 1}, onednn::attributes(), onednn::engine());
    auto kernel = onednn::VendorKernel::of<dnnl::softmax_forward>(description);
    kernel->add(Slot::src, description.src_desc());
    kernel->add(Slot::dst, description.dst_desc());
    return Kernel(std::move(kernel));
  });
}

}  // namespace tensor
