#pragma once
// Shared by the files of this seam only.
#include <dnnl.hpp>
#include <vector>

#include "tensor/operations.h"

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

namespace onednn {

/// One of the vendor's primitives with its arguments.
class VendorKernel final : public Runnable {
 public:
  template <class Primitive, class Description>
  static std::shared_ptr<VendorKernel> of(const Description& description) {
    auto kernel = std::make_shared<VendorKernel>();
    kernel->primitive_ = Primitive(description);
    kernel->name_ = description.impl_info_str();
    kernel->add(Slot::scratchpad, description.scratchpad_desc());
    return kernel;
  }
  /// What is empty is left out.
  void add(Slot slot, const dnnl::memory::desc& desc);

  std::string_view name() const override { return name_; }
  void bind(std::size_t argument, std::byte* data) override;
  void run(const RunContext& context) const override;

  /// The vendor's backward kernels are chosen with the forward one as a hint; one of these is set on forward kernels.
  dnnl::inner_product_forward::primitive_desc dense;
  dnnl::convolution_forward::primitive_desc convolution;

 private:
  dnnl::primitive primitive_;
  std::string name_;
  std::vector<dnnl::memory> memory_;    ///< empty until bound
  std::vector<dnnl_exec_arg_t> bound_;  ///< same order as the arguments
};

/// The vendor's kernel behind a forward step, or nullptr when another made it.
inline const VendorKernel* vendor(const Kernel& forward) { return dynamic_cast<const VendorKernel*>(forward.get()); }

/// True for the vendor's plain loops, which no layout is worth.
template <class Description>
bool is_slow(const Description& description) {
  return std::string_view(description.impl_info_str()).starts_with("ref");
}

/// Asks the vendor for a kernel; a refusal is its message. `ask` gives a description, `finish` makes a kernel of it,.
template <class Ask, class Finish>
Offer offer(const Ask& ask, const Finish& finish, bool takes_slow) {
  const VendorCall mark;
  try {
    const auto description = ask();
    if (is_slow(description) && !takes_slow) return {nullptr, "the vendor has only its reference loops for it"};
    return {finish(description), ""};
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) out_of_memory("a kernel");
    return {nullptr, error.message};
  } catch (const std::bad_alloc&) {
    out_of_memory("a kernel");
  }
}

/// Ways of asking, each more yielding than the one before.
struct Way {
  std::string_view name;
  int attempt;
};

/// A candidate for each way, then for each once more with the vendor's reference loops allowed. The ways are tried from
/// the first to the last, the slow ones from the last to the first.
template <class Ask, class Finish>
Candidates candidates(std::initializer_list<Way> ways, const Ask& ask, const Finish& finish) {
  Candidates list;
  for (const Way& way : ways)
    list.push_back({fmt::format("oneDNN, {}", way.name),
                    [=, attempt = way.attempt] { return offer([&] { return ask(attempt); }, finish, false); }});
  for (auto way = std::rbegin(ways); way != std::rend(ways); ++way)
    list.push_back({fmt::format("oneDNN's reference loops, {}", way->name),
                    [=, attempt = way->attempt] { return offer([&] { return ask(attempt); }, finish, true); }});
  return list;
}

}  // namespace onednn
}  // namespace tensor
