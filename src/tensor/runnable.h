#pragma once
// What a step runs: asked for once with layouts, bound once to memory, run many times without allocation.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/layout.h"

namespace tensor {

/// The tensors of a kernel, by oneDNN's words.
enum class Slot {
  src,
  weights,
  bias,
  dst,
  diff_src,
  diff_weights,
  diff_bias,
  diff_dst,
  mean,
  variance,
  scale,
  shift,
  diff_scale,
  diff_shift,
  target,      ///< what outputs are compared with
  state,       ///< what an update rule or a recurrent layer keeps from one run to the next
  workspace,   ///< what a forward kernel leaves for its backward one
  scratchpad,  ///< holds nothing before or after a run
  result       ///< a few numbers about the whole, in double
};

constexpr auto enumerators(Slot) {
  return std::array{std::pair{Slot::src, "src"},
                    std::pair{Slot::weights, "weights"},
                    std::pair{Slot::bias, "bias"},
                    std::pair{Slot::dst, "dst"},
                    std::pair{Slot::diff_src, "diff_src"},
                    std::pair{Slot::diff_weights, "diff_weights"},
                    std::pair{Slot::diff_bias, "diff_bias"},
                    std::pair{Slot::diff_dst, "diff_dst"},
                    std::pair{Slot::mean, "mean"},
                    std::pair{Slot::variance, "variance"},
                    std::pair{Slot::scale, "scale"},
                    std::pair{Slot::shift, "shift"},
                    std::pair{Slot::diff_scale, "diff_scale"},
                    std::pair{Slot::diff_shift, "diff_shift"},
                    std::pair{Slot::target, "target"},
                    std::pair{Slot::state, "state"},
                    std::pair{Slot::workspace, "workspace"},
                    std::pair{Slot::scratchpad, "scratchpad"},
                    std::pair{Slot::result, "result"}};
}

/// What changes from one run of the steps to the next.
struct RunContext {
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;       ///< from 0
  std::int64_t step = 1;        ///< batches so far, this one included; each has random numbers of its own
  std::int64_t update = 1;      ///< optimizer calls so far, that of this batch included
  std::int64_t batch_size = 1;  ///< what the gradients of an update are sums over
  bool begins_sum = true;       ///< this batch is the first of those whose gradients are summed for one update
  bool updates = true;          ///< this batch is the last of them
};

/// One argument of a kernel: its role, and how it must lie in memory. Scratch has no layout but a size.
struct Argument {
  Slot slot = Slot::src;
  Layout layout;
  std::size_t scratch_bytes = 0;
};

/// One kernel, whoever made it. The layout of an argument is what the kernel wants there; whoever holds the tensor in
/// another layout reorders it first. Threads: made and run under the same omp_set_num_threads.
class Runnable {
 public:
  virtual ~Runnable() = default;
  virtual std::string_view name() const = 0;
  virtual void bind(std::size_t argument, std::byte* data) = 0;  ///< also to change an address later
  virtual void run(const RunContext& context) const = 0;         ///< every argument must be bound

  const std::vector<Argument>& arguments() const { return arguments_; }
  /// Of the first argument in that slot; empty when there is none.
  const Layout& layout(Slot slot) const;

 protected:
  std::vector<Argument> arguments_;
};

using Kernel = std::shared_ptr<Runnable>;

/// A kernel of our own: a name, arguments in an order that its file declares, and run().
class OwnKernel : public Runnable {
 public:
  std::string_view name() const final { return name_; }
  void bind(std::size_t argument, std::byte* data) final { memory_[argument] = data; }

 protected:
  OwnKernel(std::string_view name, std::vector<Argument> arguments) : name_(name), memory_(arguments.size()) {
    arguments_ = std::move(arguments);
  }
  void add(Argument argument) {
    arguments_.push_back(std::move(argument));
    memory_.push_back(nullptr);
  }
  template <class T = float>
  T* at(std::size_t argument) const {
    return reinterpret_cast<T*>(memory_[argument]);
  }

 private:
  std::string_view name_;
  std::vector<std::byte*> memory_;
};

/// What asking for a kernel gave: the kernel, or why it cannot do that.
struct Offer {
  Kernel kernel;
  std::string refusal;
};

/// One way to carry out an operation. Every operation that has several lists them in the order of preference: the
/// vendor's, ours, plain loops last.
struct Candidate {
  std::string name;
  std::function<Offer()> make;
};
using Candidates = std::vector<Candidate>;

/// Plain loops in row-major order, which every operation with candidates has as its last: slow, and never refused.
inline constexpr std::string_view kPlainLoops = "plain loops";

}  // namespace tensor
