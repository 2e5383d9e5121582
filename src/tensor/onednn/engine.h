#pragma once
// Shared by the files of this seam only.
#include <dnnl.hpp>
#include <vector>

#include "tensor/kernel.h"
#include "tensor/layout.h"

namespace tensor {

struct Layout::Storage {
  dnnl::memory::desc desc;
  Shape shape;
};

namespace onednn {

const dnnl::engine& engine();
dnnl::stream& stream();

dnnl::memory::data_type data_type(Dtype dtype);

/// A layout from the vendor's description; empty for the empty description.
Layout layout_of(const dnnl::memory::desc& desc);

/// A description that leaves the order to the kernel.
dnnl::memory::desc any(const Shape& shape);

inline const dnnl::memory::desc& desc_of(const Layout& layout) { return layout.storage().desc; }

/// Marks the time that this thread spends in the vendor's library.
class VendorCall {
 public:
  VendorCall();
  ~VendorCall();
};

/// Runs `call`, turning the vendor's exceptions into base::Error{internal}.
template <class Call>
auto guarded(const char* what, Call&& call);

[[noreturn]] void fail(const char* what, const char* message);
[[noreturn]] void out_of_memory(const char* what);

template <class Call>
auto guarded(const char* what, Call&& call) {
  const VendorCall mark;
  try {
    return call();
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) out_of_memory(what);
    fail(what, error.message);
  } catch (const std::bad_alloc&) {
    out_of_memory(what);
  }
}

/// Attributes of every kernel: the scratchpad belongs to the plan's arena.
dnnl::primitive_attr attributes(const std::optional<FunctionOf>& then = std::nullopt);

}  // namespace onednn

struct Kernel::Storage {
  struct Argument {
    Slot slot;
    Layout layout;
    dnnl::memory memory;  ///< empty until bound
  };
  dnnl::primitive primitive;
  std::string implementation;
  std::vector<Argument> arguments;
  std::vector<dnnl_exec_arg_t> bound;  ///< same order as `arguments`

  /// The vendor's backward kernels are chosen with the forward one as a hint; one of these is set on forward kernels.
  dnnl::inner_product_forward::primitive_desc dense;
  dnnl::convolution_forward::primitive_desc convolution;

  void add(Slot slot, const dnnl::memory::desc& desc);
};

namespace onednn {

/// A kernel from its description, with its scratchpad; the caller adds the other tensors.
template <class Primitive, class Description>
std::shared_ptr<Kernel::Storage> kernel_of(const Description& description) {
  auto storage = std::make_shared<Kernel::Storage>();
  storage->primitive = Primitive(description);
  storage->implementation = description.impl_info_str();
  storage->add(Slot::scratchpad, description.scratchpad_desc());
  return storage;
}

/// True for the vendor's plain loops, which no layout is worth.
template <class Description>
bool is_slow(const Description& description) {
  return std::string_view(description.impl_info_str()).starts_with("ref");
}

/// The first description that `make(i)` gives for i in [0, count) and that is not slow; else the last that exists.
template <class Make>
auto best_of(const char* what, int count, Make&& make) -> decltype(make(0)) {
  const VendorCall mark;
  decltype(make(0)) slow;
  bool found = false;
  const char* reason = "";
  for (int i = 0; i < count; ++i) {
    try {
      auto description = make(i);
      if (!is_slow(description)) return description;
      slow = description;
      found = true;
    } catch (const dnnl::error& error) {
      reason = error.message;
    }
  }
  if (!found) fail(what, reason);
  return slow;
}

}  // namespace onednn
}  // namespace tensor
