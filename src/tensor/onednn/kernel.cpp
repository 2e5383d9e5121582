#include "tensor/kernel.h"

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
  }
  return 0;
}

}  // namespace

void Kernel::Storage::add(Slot slot, const dnnl::memory::desc& desc) {
  if (desc.data.ndims == 0 || desc.get_size() == 0) return;
  arguments.push_back({slot, onednn::layout_of(desc), {}});
  bound.push_back({argument_id(slot), nullptr});
}

Kernel::Kernel(std::shared_ptr<Storage> storage) : storage_(std::move(storage)) {}
Kernel::~Kernel() = default;
Kernel::Kernel(Kernel&&) noexcept = default;
Kernel& Kernel::operator=(Kernel&&) noexcept = default;

const Layout& Kernel::layout(Slot slot) const {
  static const Layout none;
  for (const auto& argument : storage_->arguments)
    if (argument.slot == slot) return argument.layout;
  return none;
}

void Kernel::bind(Slot slot, void* data) {
  onednn::guarded("a binding", [&] {
    for (std::size_t i = 0; i < storage_->arguments.size(); ++i) {
      auto& argument = storage_->arguments[i];
      if (argument.slot != slot) continue;
      if (argument.memory) {
        dnnl::error::wrap_c_api(dnnl_memory_set_data_handle(argument.memory.get(), data), "could not set an address");
      } else {
        argument.memory = dnnl::memory(onednn::desc_of(argument.layout), onednn::engine(), data);
        storage_->bound[i].memory = argument.memory.get();
      }
    }
  });
}

void Kernel::run() const {
  // The C function, because the C++ one builds its argument list anew on each call.
  const onednn::VendorCall mark;
  const auto status = dnnl_primitive_execute(storage_->primitive.get(), onednn::stream().get(),
                                             static_cast<int>(storage_->bound.size()), storage_->bound.data());
  if (status == dnnl_out_of_memory) onednn::out_of_memory(storage_->implementation.c_str());
  if (status != dnnl_success) onednn::fail(storage_->implementation.c_str(), "execution failed");
}

std::string_view Kernel::implementation() const { return storage_->implementation; }

Kernel reorder(const Layout& from, const Layout& to) {
  return onednn::guarded("a reorder", [&] {
    const dnnl::reorder::primitive_desc description(onednn::engine(), onednn::desc_of(from), onednn::engine(),
                                                    onednn::desc_of(to), onednn::attributes());
    auto storage = onednn::kernel_of<dnnl::reorder>(description);
    storage->add(Slot::src, onednn::desc_of(from));
    storage->add(Slot::dst, onednn::desc_of(to));
    return Kernel(std::move(storage));
  });
}

}  // namespace tensor
