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
    state = keeps_sums ? r.gates() * all : 0;
    function_of_state = state + (r.cell == Cell::simple ? 0 : all);
    total = std::max<std::int64_t>(function_of_state + (r.cell == Cell::lstm ? all : 0), 1);
  }
  bool keeps_sums;                 ///< the gates lie at the start of the workspace, and their sums stay in src
  std::int64_t state = 0;          ///< c of lstm, r∘h of gru
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
  /// The step that is s-th in the order of the recurrence, and its first row.
  std::int64_t row_of(std::int64_t s) const { return (r_.reversed ? r_.steps - 1 - s : s) * r_.n; }

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
    add({Slot::dst, rows(rows_in_all(), r_.units)});
    add({Slot::workspace, {}, bytes(saved_.total)});
    add({Slot::scratchpad, {}, scratch_bytes_});
    for (const Kernel& product : {products.first, products.second})
      if (product) add({Slot::weights, product->layout(Slot::weights)});
  }

  void run(const RunContext& context) const override {
    const std::int64_t u = r_.units, g = r_.gates();
    float *sums = at(0), *h = at(1), *scratch = at(3);
    float* gates = saved_.keeps_sums ? at(2) : sums;
    float *state = at(2) + saved_.state, *function_of_state = at(2) + saved_.function_of_state;
    float* zeros = scratch + zeros_;
    std::fill_n(zeros, u, 0.0f);
    for (std::int64_t s = 0; s < r_.steps; ++s) {
      const std::int64_t first = row_of(s), before = s > 0 ? row_of(s - 1) : 0;
      const std::int64_t products = r_.cell == Cell::gru ? 2 * u : g * u;  // columns of the first product
      if (s > 0) multiply(products_.first, h + before * u, at(4), scratch, scratch, context);
      for_each_example([&](std::int64_t n) {
        const std::int64_t row = first + n;
        float *sum = sums + row * g * u, *gate = gates + row * g * u;
        const float* h_before = s > 0 ? h + (before + n) * u : zeros;
        if (s > 0) add_to(sum, scratch + n * products, products);
        switch (r_.cell) {
          case Cell::simple: return r_.activation->apply(sum, h + row * u, u);
          case Cell::lstm: {
            r_.gate_activation->apply(sum, gate, 3 * u);
            r_.activation->apply(sum + 3 * u, gate + 3 * u, u);
            next_cell(gate, s > 0 ? state + (before + n) * u : zeros, state + row * u, u);
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
      if (s > 0) multiply(products_.second, state + first * u, at(5), scratch, scratch, context);
      for_each_example([&](std::int64_t n) {
        const std::int64_t row = first + n;
        float *sum = sums + row * g * u, *gate = gates + row * g * u;
        if (s > 0) add_to(sum + 2 * u, scratch + n * u, u);
        r_.activation->apply(sum + 2 * u, gate + 2 * u, u);
        mix(gate + u, s > 0 ? h + (before + n) * u : zeros, gate + 2 * u, h + row * u, u);
      });
    }
  }

 private:
  static void add_to(float* to, const float* what, std::int64_t count) { tensor::add(what, to, count); }
};

class RecurrentBackward final : public Recurrent {
 public:
  RecurrentBackward(const Recurrence& recurrence, const StepProducts& products)
      : Recurrent("recurrence derivative", recurrence, products, {}) {
    const std::int64_t u = r_.units;
    add({Slot::src, rows(rows_in_all(), r_.gates() * u)});
    add({Slot::dst, rows(rows_in_all(), u)});
    add({Slot::workspace, {}, bytes(saved_.total)});
    add({Slot::diff_dst, rows(rows_in_all(), u)});
    add({Slot::diff_src, rows(rows_in_all(), r_.gates() * u)});
    add({Slot::scratchpad, {}, scratch_bytes_});
    for (const Kernel& product : {products.first, products.second})
      if (product) add({Slot::weights, product->layout(Slot::weights)});
    if (r_.cell != Cell::gru) return;
    add({Slot::diff_src, rows(rows_in_all(), 2 * u)});
    add({Slot::diff_src, rows(rows_in_all(), u)});
  }

  void run(const RunContext& context) const override {
    const std::int64_t n = r_.n, u = r_.units;
    float* scratch = at(5);
    // Four times (n, units): the gradient of h that the later step gave back, that of c, that of h in all, and room.
    float *later = scratch + zeros_, *dc = later + n * u, *dh = dc + n * u, *room = dh + n * u;
    std::fill_n(later, 4 * n * u + u, 0.0f);
    for (std::int64_t s = r_.steps; s-- > 0;) {
      const std::int64_t first = row_of(s);
      for_each_example([&](std::int64_t i) {
        sum_of(at(3) + (first + i) * u, later + i * u, dh + i * u, u);
        if (r_.cell == Cell::simple) simple(s, i, dh + i * u);
        if (r_.cell == Cell::lstm) lstm(s, i, dh + i * u, dc + i * u, room + i * u);
        if (r_.cell == Cell::gru) gru_mix(s, i, dh + i * u, room + i * u);
      });
      if (r_.cell == Cell::gru) {
        if (s > 0) multiply(products_.second, at(9) + first * u, at(7), later, scratch, context);
        for_each_example([&](std::int64_t i) { gru_reset(s, i, later + i * u, room + i * u); });
        if (s == 0) return;
        multiply(products_.first, at(8) + first * 2 * u, at(6), later, scratch, context);
        for_each_example([&](std::int64_t i) { tensor::add(room + i * u, later + i * u, u); });
      } else if (s > 0) {
        multiply(products_.first, at(4) + first * r_.gates() * u, at(6), later, scratch, context);
      }
    }
  }

 private:
  float* gates(std::int64_t row) const { return (saved_.keeps_sums ? at(2) : at(0)) + row * r_.gates() * r_.units; }
  float* sums(std::int64_t row) const { return at(0) + row * r_.gates() * r_.units; }
  float* dgates(std::int64_t row) const { return at(4) + row * r_.gates() * r_.units; }
  /// Of the step before in the order of the recurrence; before the first, zeros.
  const float* before(const float* of_all, std::int64_t s, std::int64_t example) const {
    return s > 0 ? of_all + (row_of(s - 1) + example) * r_.units : at(5) + zeros_ + 4 * r_.n * r_.units;
  }

  /// d *= f' of `function`, which made `out` of `in`.
  static void through(const NumberFunction& function, const float* in, const float* out, float* d, std::int64_t count) {
    function.differentiate(function.derivative_of_input() ? in : out, d, d, count);
  }

  void simple(std::int64_t s, std::int64_t example, const float* dh) const {
    const std::int64_t row = row_of(s) + example, u = r_.units;
    std::copy_n(dh, u, dgates(row));
    through(*r_.activation, sums(row), at(1) + row * u, dgates(row), u);
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
    mix_gradients(gate + u, before(at(1), s, example), gate + 2 * u, dh, d + u, d + 2 * u, past, u);
    through(*r_.gate_activation, sum + u, gate + u, d + u, u);
    through(*r_.activation, sum + 2 * u, gate + 2 * u, d + 2 * u, u);
    std::copy_n(d + 2 * u, u, at(9) + row * u);
  }

  void gru_reset(std::int64_t s, std::int64_t example, const float* dreset, float* past) const {
    const std::int64_t row = row_of(s) + example, u = r_.units;
    float* d = dgates(row);
    if (s > 0) {
      reset_gradients(gates(row), before(at(1), s, example), dreset, d, past, u);
      through(*r_.gate_activation, sums(row), gates(row), d, u);
    } else {
      std::fill_n(d, u, 0.0f);
    }
    std::copy_n(d, 2 * u, at(8) + row * 2 * u);
  }
};

}  // namespace

Kernel recurrent_forward(const Recurrence& recurrence, const StepProducts& products) {
  return std::make_shared<RecurrentForward>(recurrence, products);
}
Kernel recurrent_backward(const Recurrence& recurrence, const StepProducts& products) {
  return std::make_shared<RecurrentBackward>(recurrence, products);
}

std::int64_t reset_state_offset(const Recurrence& recurrence) { return Saved(recurrence).state; }

}  // namespace tensor
