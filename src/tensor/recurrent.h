#pragma once
// The operations of recurrent layers, over the rows (t·n, features) of time-major sequences.
#include <memory>

#include "tensor/operations.h"

namespace tensor {

/// A matrix seen as its transpose.
Layout transposed(const Layout& matrix);

/// y = function(x) for a run of numbers, as product kernels join it to their results; y may be x.
void apply(const FunctionOf& function, const float* x, float* y, std::int64_t count);

/// A function of single numbers and its derivative, whoever knows them.
class NumberFunction {
 public:
  virtual ~NumberFunction() = default;
  /// y may be x.
  virtual void apply(const float* x, float* y, std::int64_t count) const = 0;
  /// dx = dy·f', taken at the outputs, or at the inputs if derivative_of_input(). dx may be dy.
  virtual void differentiate(const float* at, const float* dy, float* dx, std::int64_t count) const = 0;
  virtual bool derivative_of_input() const = 0;
};

/// Cells by what their gates are, in neon's order: simple (the unit itself), lstm (i, f, o, g), gru (r, z, candidate).
enum class Cell { simple, lstm, gru };
constexpr std::int64_t gates_of(Cell cell) { return cell == Cell::simple ? 1 : cell == Cell::lstm ? 4 : 3; }

/// What a state consists of, `units` numbers each: h, and of lstm c after it.
constexpr std::int64_t parts_of_state(Cell cell) { return cell == Cell::lstm ? 2 : 1; }

/// A recurrence over `steps` steps of n examples; from the last step to the first if `reversed`. Steps from an
/// example's length on are padding: they leave the state as it is, their results are 0 and no gradient comes from them.
struct Recurrence {
  Cell cell = Cell::simple;
  std::int64_t steps = 0, n = 0, units = 0;
  bool reversed = false;
  bool has_lengths = false;
  bool takes_state = false;  ///< starts from a state that is given instead of zeros; not if reversed
  bool gives_state = false;  ///< the state after the last real step comes out as well; not if reversed
  std::shared_ptr<const NumberFunction> activation, gate_activation;

  std::int64_t gates() const { return gates_of(cell); }
  std::int64_t state_size() const { return parts_of_state(cell) * units; }
};

/// Which gradients go into the backward kernel, and whether that of the first state comes out.
struct RecurrentErrors {
  bool of_output = true, of_last_state = false, of_first_state = false;
};

/// Products that a recurrence repeats in each step, each dst (n, outputs) = src (n, inputs)·weightsᵀ, a dense_forward
/// kernel for rows. Forward: from the state before (n, units) to all gates, of gru to r and z; then, of gru alone, from
/// r∘state to the candidate. Backward: the same with the transposed weights.
struct StepProducts {
  Kernel first, second;
};

/// Arguments: src (t·n, gates·units) (what the inputs give, biases included; it becomes the sums of all), lengths (a
/// second src, n of i32), state (n, state_size) to start from, weights (of each product, as it wants them), dst (t·n,
/// units; with a state to start from (n + t·n, units), its h first), the last state (a second dst, n, state_size),
/// workspace, scratchpad.
Kernel recurrent_forward(const Recurrence& recurrence, const StepProducts& products);

/// Arguments: src, lengths, dst and workspace (as the forward kernel left them), weights, diff_dst (t·n, units), that
/// of the last state (diff_dst once more), diff_src (t·n, gates·units): the gradient of all sums; of gru also diff_src
/// twice more: of (r, z) (t·n, 2·units) and of the candidate (t·n, units) by themselves; the gradient of the first
/// state (diff_src once more); scratchpad.
Kernel recurrent_backward(const Recurrence& recurrence, const StepProducts& products, const RecurrentErrors& errors);

/// Of gru: the rows r∘state before (t·n, units), which the forward kernel leaves at this number of its workspace.
std::int64_t reset_state_offset(const Recurrence& recurrence);

/// One row out of the rows of all steps, or, with lengths, of the real ones; zeros where there are none.
enum class Readout { sum, mean, last };
/// Arguments: src (t·n, features), lengths (a second src, n of i32), dst (n, features).
Kernel readout_forward(Readout readout, std::int64_t steps, std::int64_t n, std::int64_t features, bool has_lengths);
/// Arguments: diff_dst, lengths (src), diff_src.
Kernel readout_backward(Readout readout, std::int64_t steps, std::int64_t n, std::int64_t features, bool has_lengths);

/// How many numbers there are up to the last that is not `pad`. Arguments: src (n, t) of i32, dst (n) of i32.
Kernel lengths_of(const Layout& src, std::int64_t pad);

/// Rows of a table by number: dst (n, size, t) time-major, dst[t][n] = weights[src[n][t]]. Arguments: src (n, t) of i32
/// or f32, weights (rows, size), dst.
Kernel lookup_forward(const Layout& src, std::int64_t rows, std::int64_t size);
/// Each row's sum of errors; row `without` gets none. Arguments: src, diff_dst (as dst), diff_weights.
Kernel lookup_backward(const Layout& src, std::int64_t rows, std::int64_t size, std::optional<std::int64_t> without);

}  // namespace tensor
