#pragma once
// The vendor's compute kernels: asked for once with layouts, bound once to memory, run many times without allocation.
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "tensor/layout.h"

namespace tensor {

/// The tensors of a kernel, by oneDNN's words.
enum class Slot { src, weights, bias, dst, diff_src, diff_weights, diff_bias, diff_dst, scratchpad };
/// Functions of one number. rectlin: x > 0 ? x : slope·x.
enum class Function { rectlin, logistic, tanh };

struct FunctionOf {
  Function function = Function::rectlin;
  float slope = 0;
};

/// One vendor kernel. The layout of a slot is what the kernel wants there; whoever holds the tensor in another layout
/// reorders it first. Threads: made and run under the same omp_set_num_threads.
class Kernel {
 public:
  struct Storage;
  explicit Kernel(std::shared_ptr<Storage> storage);
  ~Kernel();
  Kernel(Kernel&&) noexcept;
  Kernel& operator=(Kernel&&) noexcept;

  const Layout& layout(Slot slot) const;  ///< empty when the kernel has no such slot
  void bind(Slot slot, void* data);       ///< also to change the address later; only the first call allocates
  void run() const;                       ///< every slot must be bound; returns when the result is there
  std::string_view implementation() const;
  std::shared_ptr<const Storage> storage() const { return storage_; }

 private:
  std::shared_ptr<Storage> storage_;
};

/// Backward kernels are chosen to go with a forward one: its storage().
using ForwardHint = std::shared_ptr<const Kernel::Storage>;

/// True on this thread while the vendor's library runs; a test that counts allocations leaves its bookkeeping out.
bool inside_vendor_call();

/// from (src) to (dst), which may differ in order and dtype.
Kernel reorder(const Layout& from, const Layout& to);

/// What one forward kernel does besides its product.
struct Product {
  bool training = true;
  bool bias = false;
  std::optional<FunctionOf> then;  ///< applied to the result
};

/// dst (n, nout) = src (n, ...) · weightsᵀ (nout, ...). An empty `weights` lets the kernel choose their layout.
Kernel dense_forward(const Layout& src, const Layout& weights, std::int64_t nout, const Product& product);
Kernel dense_backward_data(const ForwardHint& forward, const Layout& weights, const Layout& diff_dst);
Kernel dense_backward_weights(const ForwardHint& forward, const Layout& src, const Layout& diff_dst, bool bias);

/// Windows over (h, w) or (d, h, w). A dilation of 1 means none.
struct Window {
  Shape size, strides, padding, dilation;
};

/// src (n, c, spatial...), weights (k, c, window...), dst (n, k, spatial...). Cross-correlation, as neon has it.
Kernel convolution_forward(const Layout& src, const Layout& weights, const Shape& dst, const Window& window,
                           const Product& product);
Kernel convolution_backward_data(const ForwardHint& forward, const Window& window, const Layout& weights,
                                 const Layout& diff_dst);
Kernel convolution_backward_weights(const ForwardHint& forward, const Window& window, const Layout& src,
                                    const Layout& diff_dst, bool bias);

/// dst may be src.
Kernel function_forward(const Layout& src, const FunctionOf& function);

/// Over the last extent of a (n, features) layout; dst may be src.
Kernel softmax_forward(const Layout& src);

}  // namespace tensor
