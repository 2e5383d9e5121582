#pragma once
// The operations that steps are made of, each as one kernel or as the candidates for it.
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "tensor/runnable.h"
#include "tensor/window.h"

namespace tensor {

/// True on this thread while the vendor's library runs; a test that counts allocations leaves its bookkeeping out.
bool inside_vendor_call();

/// from (src) to (dst), which may differ in order and dtype.
Kernel reorder(const Layout& from, const Layout& to);

/// Functions of one number that can be joined to a product. rectlin: x > 0 ? x : slope·x.
enum class Function { rectlin, logistic, tanh };
struct FunctionOf {
  Function function = Function::rectlin;
  float slope = 0;
};

/// What one forward kernel does besides its product.
struct Product {
  bool training = true;
  bool bias = false;
  std::optional<FunctionOf> then;  ///< applied to the result
};

/// dst (n, nout) = src (n, ...) · weightsᵀ (nout, ...) + bias (nout). Empty `weights` let the kernel choose their
/// layout. Backward kernels are chosen to go with the forward one.
Candidates dense_forward(const Layout& src, const Layout& weights, std::int64_t nout, const Product& product);
Candidates dense_backward_data(const Kernel& forward, const Layout& weights, const Layout& diff_dst);
Candidates dense_backward_weights(const Kernel& forward, const Layout& src, const Layout& diff_dst, bool bias);

/// src (n, c, spatial...), weights (k, c, window...), dst (n, k, spatial...). Cross-correlation, as neon has it.
Candidates convolution_forward(const Layout& src, const Layout& weights, const Shape& dst, const Sliding& window,
                               const Product& product);
Candidates convolution_backward_data(const Kernel& forward, const Sliding& window, const Layout& weights,
                                     const Layout& diff_dst);
Candidates convolution_backward_weights(const Kernel& forward, const Sliding& window, const Layout& src,
                                        const Layout& diff_dst, bool bias);

/// dst = function(src); dst may be src.
Kernel function_forward(const Layout& src, const FunctionOf& function);

/// Over the last extent of a (n, features) layout; dst may be src.
Kernel softmax_forward(const Layout& src);
/// diff_src = dst·(diff_dst - Σ diff_dst·dst), row by row. Arguments: dst, diff_dst, diff_src.
Kernel softmax_backward(const Layout& dst);

/// The same over the middle extent of a row-major (n, channels, positions).
Kernel channel_softmax_forward(const Layout& src);
Kernel channel_softmax_backward(const Layout& dst);

/// dst = Σ src_i. All lie alike; dst may be the first. Arguments: src..., dst.
Kernel sum(const Layout& layout, std::size_t count);

/// dst holds, `outer` times, a run of each src one after the other: a concatenation along the extent after those that
/// `outer` counts. Arguments: src..., dst. split is the way back; arguments: dst..., src.
Kernel concat(std::span<const Layout> srcs, const Layout& dst, std::int64_t outer);
Kernel split(const Layout& src, std::span<const Layout> dsts, std::int64_t outer);

/// dst = factor·src; dst may be src. Arguments: src, dst.
Kernel scaled(const Layout& layout, float factor);

/// dst = src + bias, one number per channel. Arguments: src, bias, dst.
Kernel bias_forward(const Layout& src);
/// Arguments: diff_dst, diff_bias (c), scratchpad.
Kernel bias_backward(const Layout& diff_dst);

/// Units dropped at random: dst = mask ? factor·src : 0. Arguments: src, workspace (the mask), dst; backward: diff_dst,
/// workspace, diff_src. Whether unit i (in plain order over batch and features) survives is a function of seed, step,
/// stream and i alone, so that a resumed training drops the same ones.
struct Dropping {
  double keep = 0.5;
  std::uint64_t stream = 0;  ///< tells one layer's random numbers from another's
  float factor = 1;          ///< of what is kept
};
Kernel dropout_forward(const Layout& src, const Dropping& dropping);
Kernel dropout_backward(const Layout& diff_dst, const Dropping& dropping);
/// The rule itself, for oracles.
bool survives(const Dropping& dropping, std::uint64_t seed, std::int64_t step, std::int64_t unit);

enum class Pool { max, avg };
constexpr auto enumerators(Pool) { return std::array{std::pair{Pool::max, "max"}, std::pair{Pool::avg, "avg"}}; }

/// Arguments: src, dst, and for max in training workspace; backward: diff_dst, diff_src, and for max workspace.
Kernel pooling_forward(const Layout& src, const Shape& dst, const Sliding& window, Pool pool, bool training);
Kernel pooling_backward(const Layout& src, const Layout& dst, const Sliding& window, Pool pool);

/// y = scale·(x - mean)/sqrt(variance + eps) + shift per channel, then y > 0 ? y : slope·y (a slope of 1: nothing).
/// In training mean and variance are the batch's, and the running ones move towards them by 1 - rho.
/// Arguments: src, scale, shift, mean, variance (running), dst, workspace, and in training scratchpad.
struct Normalisation {
  float rho = 0.9f, eps = 1e-3f, slope = 1;
};
Kernel batch_norm_forward(const Layout& src, const Normalisation& how, bool training);
/// Arguments: src, diff_dst, workspace, diff_scale, diff_shift, scratchpad. It leaves in the workspace what the second
/// one needs. Arguments: src, diff_dst, workspace, diff_src (may be diff_dst).
Kernel batch_norm_backward_sums(const Layout& src, const Normalisation& how);
Kernel batch_norm_backward_data(const Layout& src, const Normalisation& how);

}  // namespace tensor
