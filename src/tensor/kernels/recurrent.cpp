#include "tensor/recurrent.h"

#include <algorithm>

#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

// What cells do to one run of numbers apart from their functions. Names with d are gradients.

NCLOUD_VECTORIZED void add(const float* __restrict a, float* __restrict to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += a[i];
}

NCLOUD_VECTORIZED void sum_of(const float* a, const float* b, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = a[i] + b[i];
}

NCLOUD_VECTORIZED void product_of(const float* a, const float* b, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = a[i] * b[i];
}

/// c = f·c_before + i·g, of gates (i, f, o, g).
NCLOUD_VECTORIZED void next_cell(const float* __restrict gates, const float* __restrict before, float* __restrict c,
                                 std::int64_t u) {
  const float *i = gates, *f = gates + u, *g = gates + 3 * u;
  for (std::int64_t k = 0; k < u; ++k) c[k] = f[k] * before[k] + i[k] * g[k];
}

/// The gradients of all four gates and of the cell before, from those of h and of c (without what h adds to it).
NCLOUD_VECTORIZED void lstm_gradients(const float* __restrict gates, const float* __restrict before,
                                      const float* __restrict through_h, float* __restrict dc, float* __restrict dgates,
                                      std::int64_t u) {
  const float *i = gates, *f = gates + u, *g = gates + 3 * u;
  for (std::int64_t k = 0; k < u; ++k) {
    const float d = dc[k] + through_h[k];
    dgates[k] = d * g[k];
    dgates[u + k] = d * before[k];
    dgates[3 * u + k] = d * i[k];
    dc[k] = d * f[k];
  }
}

/// h = (1 - z)·before + z·candidate.
NCLOUD_VECTORIZED void mix(const float* __restrict z, const float* __restrict before, const float* __restrict candidate,
                           float* __restrict h, std::int64_t u) {
  for (std::int64_t k = 0; k < u; ++k) h[k] = before[k] + z[k] * (candidate[k] - before[k]);
}

/// Of z and the candidate, and what goes to the state before past the gates.
NCLOUD_VECTORIZED void mix_gradients(const float* __restrict z, const float* __restrict before,
                                     const float* __restrict candidate, const float* __restrict dh,
                                     float* __restrict dz, float* __restrict dcandidate, float* __restrict past,
                                     std::int64_t u) {
  for (std::int64_t k = 0; k < u; ++k) {
    dz[k] = dh[k] * (candidate[k] - before[k]);
    dcandidate[k] = dh[k] * z[k];
    past[k] = dh[k] * (1 - z[k]);
  }
}

/// Of r, and what goes to the state before through r∘state.
NCLOUD_VECTORIZED void reset_gradients(const float* __restrict r, const float* __restrict before,
                                       const float* __restrict dreset, float* __restrict dr, float* __restrict past,
                                       std::int64_t u) {
  for (std::int64_t k = 0; k < u; ++k) {
    dr[k] = dreset[k] * before[k];
    past[k] += dreset[k] * r[k];
  }
}

std::size_t bytes(std::int64_t numbers) { return static_cast<std::size_t>(numbers) * sizeof(float); }
Layout rows(std::int64_t count, std::int64_t columns) { return Layout::row_major(Dtype::f32, {count, columns}); }

/// Where things lie in the workspace, in numbers.
struct Saved {
  explicit Saved(const Recurrence& r)
      : keeps_sums(r.cell != Cell::simple && (r.activation->derivative_of_input() ||
                                              (r.gate_activation && r.gate_activation->derivative_of_input()))) {
    const std::int64_t all = r.steps * r.n * r.units;
    state = (keeps_sums ? r.gates() * all : 0) + (r.cell == Cell::lstm && r.takes_state ? r.n * r.units : 0);
    function_of_state = state + (r.cell == Cell::simple ? 0 : all);
    total = std::max<std::int64_t>(function_of_state + (r.cell == Cell::lstm ? all : 0), 1);
  }
  bool keeps_sums;                 ///< the gates lie at the start of the workspace, and their sums stay in src
  std::int64_t state = 0;          ///< c of lstm, with the first one before it where it is given; r∘h of gru
  std::int64_t function_of_state;  ///< activation(c) of lstm
  std::int64_t total;
};

class Recurrent : public OwnKernel {
 protected:
  Recurrent(std::string_view name, const Recurrence& recurrence, const StepProducts& products,
            std::vector<Argument> arguments)
      : OwnKernel(name, std::move(arguments)), r_(recurrence), products_(products), saved_(recurrence) {
    const std::int64_t u = r_.units, n = r_.n;
    threads_ = threads_for(n * r_.gates() * u);
    zeros_ = n * std::max(u, r_.gates() * u);
    scratch_ = zeros_ + 4 * n * u + u;
    std::size_t vendor = 0;
    for (const Kernel& product : {products.first, products.second})
      if (product)
        for (const Argument& argument : product->arguments())
          if (argument.slot == Slot::scratchpad) vendor = std::max(vendor, argument.scratch_bytes);
    scratch_ = (scratch_ + 15) / 16 * 16;
    scratch_bytes_ = bytes(scratch_) + vendor;
  }

  std::int64_t rows_in_all() const { return r_.steps * r_.n; }
  /// The step that is s-th in the order of the recurrence, and its first row. The rows before the first step are those
  /// of the state that is given.
  std::int64_t step(std::int64_t s) const { return r_.reversed ? r_.steps - 1 - s : s; }
  std::int64_t row_of(std::int64_t s) const { return step(s) * r_.n; }
  bool has_before(std::int64_t s) const { return s > 0 || r_.takes_state; }
  Layout rows_of_states() const { return rows((r_.takes_state ? r_.n : 0) + rows_in_all(), r_.units); }
  float* h() const { return at(h_) + (r_.takes_state ? r_.n * r_.units : 0); }

  std::int64_t length(std::int64_t example) const {
    return r_.has_lengths ? at<const std::int32_t>(lengths_)[example] : r_.steps;
  }
  bool is_padding(std::int64_t s, std::int64_t example) const { return r_.has_lengths && step(s) >= length(example); }

  std::size_t add_one(Argument argument) {
    add(std::move(argument));
    return arguments_.size() - 1;
  }
  void add_lengths() {
    if (r_.has_lengths) lengths_ = add_one({Slot::src, Layout::row_major(Dtype::i32, {r_.n})});
  }

  /// dst = src·weightsᵀ, with this kernel's scratchpad.
  void multiply(const Kernel& product, const float* src, float* weights, float* dst, float* scratch,
                const RunContext& context) const {
    const auto& arguments = product->arguments();
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const void* memory = nullptr;
      switch (arguments[i].slot) {
        case Slot::src: memory = src; break;
        case Slot::weights: memory = weights; break;
        case Slot::dst: memory = dst; break;
        default: memory = scratch + scratch_;
      }
      product->bind(i, static_cast<std::byte*>(const_cast<void*>(memory)));
    }
    product->run(context);
  }

  template <class Work>
  void for_each_example(const Work& work) const {
    for_parts(r_.n, threads_, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t n = begin; n < end; ++n) work(n);
    });
  }

  Recurrence r_;
  StepProducts products_;
  Saved saved_;
  std::size_t h_ = 1, lengths_ = 0;  ///< arguments
  int threads_ = 1;
  std::int64_t zeros_ = 0,
               scratch_ =
                   0;  ///< the scratchpad: the products' results, four times (n, units), (units) zeros, the vendor's
  std::size_t scratch_bytes_ = 0;
};

class RecurrentForward final : public Recurrent {
 public:
  RecurrentForward(const Recurrence& recurrence, const StepProducts& products)
      : Recurrent("recurrence", recurrence, products, {}) {
    add({Slot::src, rows(rows_in_all(), r_.gates() * r_.units)});
    add({Slot::dst, rows_of_states()});
    add({Slot::workspace, {}, bytes(saved_.total)});
    add({Slot::scratchpad, {}, scratch_bytes_});
    for (const Kernel& product : {products.first, products.second})
      if (product) add({Slot::weights, product->layout(Slot::weights)});
    add_lengths();
    if (r_.takes_state) first_state_ = add_one({Slot::state, rows(r_.n, r_.state_size())});
    if (r_.gives_state) last_state_ = add_one({Slot::dst, rows(r_.n, r_.state_size())});
  }

  void run(const RunContext& context) const override {
    const std::int64_t u = r_.units, g = r_.gates();
    float *sums = at(0), *h = this->h(), *scratch = at(3);
    float* gates = saved_.keeps_sums ? at(2) : sums;
    float *state = at(2) + saved_.state, *function_of_state = at(2) + saved_.function_of_state;
    float* zeros = scratch + zeros_;
    std::fill_n(zeros, u, 0.0f);
    if (r_.takes_state) take_state(h, state);
    for (std::int64_t s = 0; s < r_.steps; ++s) {
      const bool has_before = this->has_before(s);
      const std::int64_t first = row_of(s), before = has_before ? row_of(s - 1) : 0;
      const std::int64_t products = r_.cell == Cell::gru ? 2 * u : g * u;  // columns of the first product
      if (has_before) multiply(products_.first, h + before * u, at(4), scratch, scratch, context);
      for_each_example([&](std::int64_t n) {
        const std::int64_t row = first + n;
        if (is_padding(s, n)) {
          std::fill_n(h + row * u, u, 0.0f);
          if (r_.cell != Cell::simple) std::fill_n(state + row * u, u, 0.0f);
          return;
        }
        float *sum = sums + row * g * u, *gate = gates + row * g * u;
        const float* h_before = has_before ? h + (before + n) * u : zeros;
        if (has_before) add_to(sum, scratch + n * products, products);
        switch (r_.cell) {
          case Cell::simple: return r_.activation->apply(sum, h + row * u, u);
          case Cell::lstm: {
            r_.gate_activation->apply(sum, gate, 3 * u);
            r_.activation->apply(sum + 3 * u, gate + 3 * u, u);
            next_cell(gate, has_before ? state + (before + n) * u : zeros, state + row * u, u);
            r_.activation->apply(state + row * u, function_of_state + row * u, u);
            return product_of(gate + 2 * u, function_of_state + row * u, h + row * u, u);
          }
          case Cell::gru: {
            r_.gate_activation->apply(sum, gate, 2 * u);
            return product_of(gate, h_before, state + row * u, u);
          }
        }
      });
      if (r_.cell != Cell::gru) continue;
      if (has_before) multiply(products_.second, state + first * u, at(5), scratch, scratch, context);
      for_each_example([&](std::int64_t n) {
        if (is_padding(s, n)) return;
        const std::int64_t row = first + n;
        float *sum = sums + row * g * u, *gate = gates + row * g * u;
        if (has_before) add_to(sum + 2 * u, scratch + n * u, u);
        r_.activation->apply(sum + 2 * u, gate + 2 * u, u);
        mix(gate + u, has_before ? h + (before + n) * u : zeros, gate + 2 * u, h + row * u, u);
      });
    }
    if (r_.gives_state) give_state(h, state, zeros);
  }

 private:
  static void add_to(float* to, const float* what, std::int64_t count) { tensor::add(what, to, count); }

  /// Into the rows before those of the first step.
  void take_state(float* h, float* c) const {
    const std::int64_t u = r_.units;
    for (std::int64_t n = 0; n < r_.n; ++n) {
      const float* from = at(first_state_) + n * r_.state_size();
      std::copy_n(from, u, h + (n - r_.n) * u);
      if (r_.cell == Cell::lstm) std::copy_n(from + u, u, c + (n - r_.n) * u);
    }
  }
  void give_state(const float* h, const float* c, const float* zeros) const {
    const std::int64_t u = r_.units;
    for (std::int64_t n = 0; n < r_.n; ++n) {
      const std::int64_t row = (length(n) - 1) * r_.n + n;
      const bool none = length(n) == 0 && !r_.takes_state;
      float* to = at(last_state_) + n * r_.state_size();
      std::copy_n(none ? zeros : h + row * u, u, to);
      if (r_.cell == Cell::lstm) std::copy_n(none ? zeros : c + row * u, u, to + u);
    }
  }

  std::size_t first_state_ = 0, last_state_ = 0;
};

class RecurrentBackward final : public Recurrent {
 public:
  RecurrentBackward(const Recurrence& recurrence, const StepProducts& products, const RecurrentErrors& errors)
      : Recurrent("recurrence derivative", recurrence, products, {}), errors_(errors) {
    const std::int64_t u = r_.units;
    add({Slot::src, rows(rows_in_all(), r_.gates() * u)});
    add({Slot::dst, rows_of_states()});
    add({Slot::workspace, {}, bytes(saved_.total)});
    add({Slot::diff_src, rows(rows_in_all(), r_.gates() * u)});
    add({Slot::scratchpad, {}, scratch_bytes_});
    for (const Kernel& product : {products.first, products.second})
      if (product) add({Slot::weights, product->layout(Slot::weights)});
    if (r_.cell == Cell::gru) {
      dgates_ = add_one({Slot::diff_src, rows(rows_in_all(), 2 * u)});
      dcandidate_ = add_one({Slot::diff_src, rows(rows_in_all(), u)});
    }
    add_lengths();
    if (errors.of_output) dh_ = add_one({Slot::diff_dst, rows(rows_in_all(), u)});
    if (errors.of_last_state) last_ = add_one({Slot::diff_dst, rows(r_.n, r_.state_size())});
    if (errors.of_first_state) first_ = add_one({Slot::diff_src, rows(r_.n, r_.state_size())});
  }

  void run(const RunContext& context) const override {
    const std::int64_t n = r_.n, u = r_.units;
    float* scratch = at(4);
    // Four times (n, units): the gradient of h that the later step gave back, that of c, that of h in all, and room.
    float *later = scratch + zeros_, *dc = later + n * u, *dh = dc + n * u, *room = dh + n * u;
    std::fill_n(later, 4 * n * u + u, 0.0f);
    for (std::int64_t s = r_.steps; s-- > 0;) {
      const std::int64_t first = row_of(s);
      for_each_example([&](std::int64_t i) {
        if (is_padding(s, i)) return pass_padding(s, i, room + i * u);
        float* d = dh + i * u;
        if (errors_.of_output)
          sum_of(at(dh_) + (first + i) * u, later + i * u, d, u);
        else
          std::copy_n(later + i * u, u, d);
        if (errors_.of_last_state && step(s) == length(i) - 1) add_last_state(i, d, dc + i * u);
        if (r_.cell == Cell::simple) simple(s, i, d);
        if (r_.cell == Cell::lstm) lstm(s, i, d, dc + i * u, room + i * u);
        if (r_.cell == Cell::gru) gru_mix(s, i, d, room + i * u);
      });
      const bool goes_on = s > 0 || errors_.of_first_state;
      if (r_.cell == Cell::gru) {
        if (has_before(s)) multiply(products_.second, at(dcandidate_) + first * u, at(6), later, scratch, context);
        for_each_example([&](std::int64_t i) {
          if (!is_padding(s, i)) gru_reset(s, i, later + i * u, room + i * u);
        });
        if (!goes_on) break;
        multiply(products_.first, at(dgates_) + first * 2 * u, at(5), later, scratch, context);
        for_each_example([&](std::int64_t i) { tensor::add(room + i * u, later + i * u, u); });
      } else if (goes_on) {
        multiply(products_.first, at(3) + first * r_.gates() * u, at(5), later, scratch, context);
      }
    }
    if (errors_.of_first_state) give_first_state(later, dc);
  }

 private:
  float* gates(std::int64_t row) const { return (saved_.keeps_sums ? at(2) : at(0)) + row * r_.gates() * r_.units; }
  float* sums(std::int64_t row) const { return at(0) + row * r_.gates() * r_.units; }
  float* dgates(std::int64_t row) const { return at(3) + row * r_.gates() * r_.units; }
  /// Of the step before in the order of the recurrence; before the first, what was given or zeros.
  const float* before(const float* of_all, std::int64_t s, std::int64_t example) const {
    return has_before(s) ? of_all + (row_of(s - 1) + example) * r_.units : at(4) + zeros_ + 4 * r_.n * r_.units;
  }

  /// No error comes from padding, and what the state gets back passes it.
  void pass_padding(std::int64_t s, std::int64_t example, float* past) const {
    const std::int64_t row = row_of(s) + example, u = r_.units;
    std::fill_n(dgates(row), r_.gates() * u, 0.0f);
    if (r_.cell != Cell::gru) return;
    std::fill_n(at(dgates_) + row * 2 * u, 2 * u, 0.0f);
    std::fill_n(at(dcandidate_) + row * u, u, 0.0f);
    std::fill_n(past, u, 0.0f);
  }

  void add_last_state(std::int64_t example, float* dh, float* dc) const {
    const float* error = at(last_) + example * r_.state_size();
    tensor::add(error, dh, r_.units);
    if (r_.cell == Cell::lstm) tensor::add(error + r_.units, dc, r_.units);
  }

  void give_first_state(const float* dh, const float* dc) const {
    const std::int64_t u = r_.units;
    for (std::int64_t i = 0; i < r_.n; ++i) {
      float* to = at(first_) + i * r_.state_size();
      std::copy_n(dh + i * u, u, to);
      if (r_.cell == Cell::lstm) std::copy_n(dc + i * u, u, to + u);
      if (length(i) == 0 && errors_.of_last_state)  // it went straight through
        tensor::add(at(last_) + i * r_.state_size(), to, r_.state_size());
    }
  }

  /// d *= f' of `function`, which made `out` of `in`.
  static void through(const NumberFunction& function, const float* in, const float* out, float* d, std::int64_t count) {
    function.differentiate(function.derivative_of_input() ? in : out, d, d, count);
  }

  void simple(std::int64_t s, std::int64_t example, const float* dh) const {
    const std::int64_t row = row_of(s) + example, u = r_.units;
    std::copy_n(dh, u, dgates(row));
    through(*r_.activation, sums(row), h() + row * u, dgates(row), u);
  }

  void lstm(std::int64_t s, std::int64_t example, const float* dh, float* dc, float* room) const {
    const std::int64_t row = row_of(s) + example, u = r_.units;
    const float *gate = gates(row), *sum = sums(row), *c = at(2) + saved_.state, *f = at(2) + saved_.function_of_state;
    float* d = dgates(row);
    product_of(dh, f + row * u, d + 2 * u, u);
    product_of(dh, gate + 2 * u, room, u);
    through(*r_.activation, c + row * u, f + row * u, room, u);
    lstm_gradients(gate, before(c, s, example), room, dc, d, u);
    through(*r_.gate_activation, sum, gate, d, 3 * u);
    through(*r_.activation, sum + 3 * u, gate + 3 * u, d + 3 * u, u);
  }

  void gru_mix(std::int64_t s, std::int64_t example, const float* dh, float* past) const {
    const std::int64_t row = row_of(s) + example, u = r_.units;
    const float *gate = gates(row), *sum = sums(row);
    float* d = dgates(row);
    mix_gradients(gate + u, before(h(), s, example), gate + 2 * u, dh, d + u, d + 2 * u, past, u);
    through(*r_.gate_activation, sum + u, gate + u, d + u, u);
    through(*r_.activation, sum + 2 * u, gate + 2 * u, d + 2 * u, u);
    std::copy_n(d + 2 * u, u, at(dcandidate_) + row * u);
  }

  void gru_reset(std::int64_t s, std::int64_t example, const float* dreset, float* past) const {
    const std::int64_t row = row_of(s) + example, u = r_.units;
    float* d = dgates(row);
    if (has_before(s)) {
      reset_gradients(gates(row), before(h(), s, example), dreset, d, past, u);
      through(*r_.gate_activation, sums(row), gates(row), d, u);
    } else {
      std::fill_n(d, u, 0.0f);
    }
    std::copy_n(d, 2 * u, at(dgates_) + row * 2 * u);
  }

  RecurrentErrors errors_;
  std::size_t dh_ = 0, last_ = 0, first_ = 0, dgates_ = 0, dcandidate_ = 0;  ///< arguments
};

}  // namespace

Kernel recurrent_forward(const Recurrence& recurrence, const StepProducts& products) {
  return std::make_shared<RecurrentForward>(recurrence, products);
}
Kernel recurrent_backward(const Recurrence& recurrence, const StepProducts& products, const RecurrentErrors& errors) {
  return std::make_shared<RecurrentBackward>(recurrence, products, errors);
}

std::int64_t reset_state_offset(const Recurrence& recurrence) { return Saved(recurrence).state; }

}  // namespace tensor
