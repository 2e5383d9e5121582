#pragma once
// The steps of a training that belong to no layer: costs, the norm of gradients, updates.
#include <memory>
#include <span>

#include "neon/cost.h"
#include "neon/optimizer.h"
#include "tensor/runnable.h"

namespace neon {

struct CostKernelOptions {
  bool takes_shortcut = false;
  bool masked = false;
  bool has_lengths = false;   ///< rows are steps in the order of time, of which some are padding
  std::int64_t examples = 0;  ///< there, and of costs that compare sequences
};

/// Arguments: src (outputs as rows), target (likewise), diff_src (likewise), result (the cost); `masked` a second
/// target, the mask; `has_lengths` a second src, (examples) of i32; scratchpad.
tensor::Kernel cost_kernel(std::shared_ptr<const Cost> cost, const tensor::Shape& rows, const CostKernelOptions& how);

/// Examples one after the other, each (steps, columns).
struct Sequences {
  std::int64_t examples = 0, steps = 0, columns = 0;
  const float *y = nullptr, *t = nullptr;
  const std::int32_t* lengths = nullptr;  ///< absent: all are real
  float* dy = nullptr;                    ///< gets the gradients, 0 where no step is real; absent: not wanted
};
/// The mean over examples of a cost that compares sequences; `each` has room for one number per example.
/// Errors: invalid_argument naming the example that is too short for its target.
double sequences_cost(const Cost& cost, const Sequences& sequences, bool takes_shortcut, std::span<double> each);

/// out = values·mask, number by number.
void mask_numbers(std::span<const float> values, std::span<const float> mask, std::span<float> out);

/// Begins or goes on with the sum of the gradients for one update. Arguments: diff_weights, state (the sum).
tensor::Kernel gradient_sum_kernel(const tensor::Layout& layout);

/// The exponential mean of the weights after each update, without a trace of where it began: the newest of t values has
/// the weight (1 − decay) / (1 − decayᵗ). Arguments: weights, state (the mean).
tensor::Kernel average_kernel(double decay, const tensor::Layout& layout);

/// c / max(norm of all gradients / batch size, c). Arguments: result, diff_weights...
tensor::Kernel norm_kernel(double limit, std::span<const tensor::Layout> gradients);

/// Arguments: weights, diff_weights, state..., and where `clips` result, which is the factor of the gradients. `rule`
/// must live as long as the kernel.
tensor::Kernel update_kernel(const Optimizer& rule, const tensor::Layout& layout, std::size_t states, bool clips);

/// Keeps numbers within ±bound. Arguments: weights.
tensor::Kernel clamp_kernel(const tensor::Layout& layout, double bound);

}  // namespace neon
