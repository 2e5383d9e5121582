#include "tensor/onednn/engine.h"

namespace tensor {
namespace {

int argument_id(Slot slot) {
  switch (slot) {
    case Slot::src: return DNNL_ARG_SRC;
    case Slot::weights: return DNNL_ARG_WEIGHTS;
    case Slot::bias: return DNNL_ARG_BIAS;
    case Slot::dst: return DNNL_ARG_DST;
    case Slot::diff_src: return DNNL_ARG_DIFF_SRC;
    case Slot::diff_weights: return DNNL_ARG_DIFF_WEIGHTS;
    case Slot::diff_bias: return DNNL_ARG_DIFF_BIAS;
    case Slot::diff_dst: return DNNL_ARG_DIFF_DST;
    case Slot::scratchpad: return DNNL_ARG_SCRATCHPAD;
    default: return 0;  // of our own kernels only
  }
  return 0;
}

}  // namespace

void onednn::VendorKernel::add(Slot slot, const dnnl::memory::desc& desc) {
  if (desc.data.ndims == 0 || desc.get_size() == 0) return;
  arguments_.push_back({slot, layout_of(desc), slot == Slot::scratchpad ? desc.get_size() : 0});
  memory_.emplace_back();
  bound_.push_back({argument_id(slot), nullptr});
}

void onednn::VendorKernel::bind(std::size_t argument, std::byte* data) {
  guarded("a binding", [&] {
    dnnl::memory& memory = memory_[argument];
    if (memory) {
      dnnl::error::wrap_c_api(dnnl_memory_set_data_handle(memory.get(), data), "could not set an address");
    } else {
      memory = dnnl::memory(desc_of(arguments_[argument].layout), engine(), data);
      bound_[argument].memory = memory.get();
    }
  });
}

void onednn::VendorKernel::run(const RunContext&) const {
  // The C function, because the C++ one builds its argument list anew on each call.
  const VendorCall mark;
  const auto status =
      dnnl_primitive_execute(primitive_.get(), stream().get(), static_cast<int>(bound_.size()), bound_.data());
  if (status == dnnl_out_of_memory) out_of_memory(name_.c_str());
  if (status != dnnl_success) fail(name_.c_str(), "execution failed");
}

Kernel reorder(const Layout& from, const Layout& to) {
  return onednn::guarded("a reorder", [&] {
    const dnnl::reorder::primitive_desc description(onednn::engine(), onednn::desc_of(from), onednn::engine(),
                                                    onednn::desc_of(to), onednn::attributes());
    auto kernel = onednn::VendorKernel::of<dnnl::reorder>(description);
    kernel->add(Slot::src, onednn::desc_of(from));
    kernel->add(Slot::dst, onednn::desc_of(to));
    return Kernel(std::move(kernel));
  });
}

}  // namespace tensor
