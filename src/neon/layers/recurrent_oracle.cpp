// Recurrent layers in plain double loops.
#include <cmath>

#include "neon/layers/recurrent_layer.h"

namespace neon {
namespace {

using Numbers = Reference::Numbers;

/// One direction of a layer for one batch.
class Oracle {
 public:
  Oracle(const RecurrentKind& kind, Reference& r, std::int64_t direction)
      : kind_(kind),
        r_(r),
        p_(kind, r.in()),
        in_(kind, r.ins),
        direction_(direction),
        w_(r.parameters[0].data() + p_.for_input(direction)),
        state_w_(r.parameters[0].data() + p_.for_state(direction)),
        b_(r.parameters[0].data() + p_.bias(direction)),
        projected_(size(p_.sums)),
        sums_(size(p_.sums)),
        gates_(size(p_.sums)),
        h_(size(p_.units)),
        c_(size(p_.units)),
        zeros_(size(p_.units)) {}

  void forward() {
    const std::int64_t u = p_.units;
    for_each([&](std::int64_t n, std::int64_t t) {
      for (std::int64_t k = 0; k < p_.sums; ++k)
        for (std::int64_t i = 0; i < p_.inputs; ++i)
          projected_[at(n, t, p_.sums) + k] += w_[k * p_.inputs + i] * r_.src()[input(n, t, i)];
    });
    sums_ = kind_.batch_norm ? normalised() : projected_;
    for (std::int64_t n = 0; n < r_.n; ++n)
      for (std::int64_t s = 0; s < p_.steps; ++s) {
        const std::int64_t t = step(s);
        if (t >= length(n)) continue;
        const double* before = state(h_, n, s);
        double *sum = &sums_[at(n, t, p_.sums)], *gate = &gates_[at(n, t, p_.sums)], *h = &h_[at(n, t, u)];
        for (std::int64_t k = 0; k < p_.sums; ++k) sum[k] += b_[k];
        const std::int64_t plain = kind_.cell == tensor::Cell::gru ? 2 * u : p_.sums;
        for (std::int64_t k = 0; k < plain; ++k)
          for (std::int64_t j = 0; j < u; ++j) sum[k] += state_w_[k * u + j] * before[j];
        if (kind_.cell == tensor::Cell::gru) {
          apply(*kind_.gate_activation, sum, gate, 2 * u);
          for (std::int64_t k = 0; k < u; ++k)
            for (std::int64_t j = 0; j < u; ++j) sum[2 * u + k] += state_w_[(2 * u + k) * u + j] * gate[j] * before[j];
          apply(*kind_.activation, sum + 2 * u, gate + 2 * u, u);
          for (std::int64_t k = 0; k < u; ++k) h[k] = (1 - gate[u + k]) * before[k] + gate[u + k] * gate[2 * u + k];
        } else if (kind_.cell == tensor::Cell::lstm) {
          apply(*kind_.gate_activation, sum, gate, 3 * u);
          apply(*kind_.activation, sum + 3 * u, gate + 3 * u, u);
          double* c = &c_[at(n, t, u)];
          for (std::int64_t k = 0; k < u; ++k) c[k] = gate[u + k] * state(c_, n, s)[k] + gate[k] * gate[3 * u + k];
          apply(*kind_.activation, c, h, u);
          for (std::int64_t k = 0; k < u; ++k) h[k] *= gate[2 * u + k];
        } else {
          apply(*kind_.activation, sum, h, u);
        }
        for (std::int64_t k = 0; k < u; ++k) r_.dst()[output(n, t, k)] = h[k];
      }
    for (std::int64_t n = 0; n < r_.n && kind_.gives_state; ++n) {
      std::copy_n(state(h_, n, length(n)), u, &r_.dsts[1][state_at(n)]);
      if (kind_.cell == tensor::Cell::lstm) std::copy_n(state(c_, n, length(n)), u, &r_.dsts[1][state_at(n) + u]);
    }
  }

  /// After forward.
  void backward() {
    const std::int64_t u = p_.units;
    Numbers dsums(size(p_.sums));
    double* state_dw = r_.gradients[0].data() + p_.for_state(direction_);
    for (std::int64_t n = 0; n < r_.n; ++n) {
      Numbers dh(static_cast<std::size_t>(u)), dc(dh), past(dh), tc(dh), through(dh);
      if (kind_.gives_state) {
        const double* last = &r_.diff_dsts[1][state_at(n)];
        std::copy_n(last, u, dh.begin());
        if (kind_.cell == tensor::Cell::lstm) std::copy_n(last + u, u, dc.begin());
      }
      for (std::int64_t s = p_.steps; s-- > 0;) {
        const std::int64_t t = step(s);
        if (t >= length(n)) continue;
        const double *before = state(h_, n, s), *gate = &gates_[at(n, t, p_.sums)], *sum = &sums_[at(n, t, p_.sums)];
        double* d = &dsums[at(n, t, p_.sums)];
        for (std::int64_t k = 0; k < u; ++k) dh[k] += r_.diff_dst()[output(n, t, k)];
        std::fill(past.begin(), past.end(), 0.0);
        if (kind_.cell == tensor::Cell::simple) {
          std::copy(dh.begin(), dh.end(), d);
          differentiate(*kind_.activation, sum, &h_[at(n, t, u)], d, u);
        } else if (kind_.cell == tensor::Cell::lstm) {
          const double *c = &c_[at(n, t, u)], *c_before = state(c_, n, s);
          apply(*kind_.activation, c, tc.data(), u);
          for (std::int64_t k = 0; k < u; ++k) through[k] = dh[k] * gate[2 * u + k];
          differentiate(*kind_.activation, c, tc.data(), through.data(), u);
          for (std::int64_t k = 0; k < u; ++k) {
            dc[k] += through[k];
            d[k] = dc[k] * gate[3 * u + k];
            d[u + k] = dc[k] * c_before[k];
            d[2 * u + k] = dh[k] * tc[k];
            d[3 * u + k] = dc[k] * gate[k];
            dc[k] *= gate[u + k];
          }
          differentiate(*kind_.gate_activation, sum, gate, d, 3 * u);
          differentiate(*kind_.activation, sum + 3 * u, gate + 3 * u, d + 3 * u, u);
        } else {
          for (std::int64_t k = 0; k < u; ++k) {
            d[u + k] = dh[k] * (gate[2 * u + k] - before[k]);
            d[2 * u + k] = dh[k] * gate[u + k];
            past[k] = dh[k] * (1 - gate[u + k]);
          }
          differentiate(*kind_.activation, sum + 2 * u, gate + 2 * u, d + 2 * u, u);
          for (std::int64_t j = 0; j < u; ++j) {
            double reset = 0;
            for (std::int64_t k = 0; k < u; ++k) {
              reset += state_w_[(2 * u + k) * u + j] * d[2 * u + k];
              state_dw[(2 * u + k) * u + j] += d[2 * u + k] * gate[j] * before[j];
            }
            d[j] = reset * before[j];
            past[j] += reset * gate[j];
          }
          differentiate(*kind_.gate_activation, sum, gate, d, 2 * u);
        }
        const std::int64_t plain = kind_.cell == tensor::Cell::gru ? 2 * u : p_.sums;
        for (std::int64_t k = 0; k < plain; ++k)
          for (std::int64_t j = 0; j < u; ++j) {
            past[j] += state_w_[k * u + j] * d[k];
            state_dw[k * u + j] += d[k] * before[j];
          }
        dh = past;
      }
      if (in_.state == 0) continue;
      std::copy(dh.begin(), dh.end(), &r_.diff_srcs[in_.state][state_at(n)]);
      if (kind_.cell == tensor::Cell::lstm) std::copy(dc.begin(), dc.end(), &r_.diff_srcs[in_.state][state_at(n) + u]);
    }
    double *dw = r_.gradients[0].data() + p_.for_input(direction_), *db = r_.gradients[0].data() + p_.bias(direction_);
    for_each([&](std::int64_t n, std::int64_t t) {
      for (std::int64_t k = 0; k < p_.sums; ++k) db[k] += dsums[at(n, t, p_.sums) + k];
    });
    if (kind_.batch_norm) through_normalisation(dsums);
    for_each([&](std::int64_t n, std::int64_t t) {
      for (std::int64_t k = 0; k < p_.sums; ++k)
        for (std::int64_t i = 0; i < p_.inputs; ++i) {
          const double d = dsums[at(n, t, p_.sums) + k];
          dw[k * p_.inputs + i] += d * r_.src()[input(n, t, i)];
          r_.diff_src()[input(n, t, i)] += d * w_[k * p_.inputs + i];
        }
    });
  }

 private:
  std::size_t size(std::int64_t columns) const { return static_cast<std::size_t>(r_.n * p_.steps * columns); }
  std::size_t at(std::int64_t n, std::int64_t t, std::int64_t columns) const {
    return static_cast<std::size_t>((n * p_.steps + t) * columns);
  }
  std::size_t input(std::int64_t n, std::int64_t t, std::int64_t i) const {
    const std::int64_t all = static_cast<std::int64_t>(r_.src().size()) / r_.n / p_.steps;
    return static_cast<std::size_t>((n * all + (kind_.split_inputs ? direction_ * p_.inputs : 0) + i) * p_.steps + t);
  }
  std::size_t output(std::int64_t n, std::int64_t t, std::int64_t k) const {
    return static_cast<std::size_t>(((n * p_.directions + direction_) * p_.units + k) * p_.steps + t);
  }
  std::int64_t step(std::int64_t s) const { return direction_ == 1 ? p_.steps - 1 - s : s; }
  std::int64_t length(std::int64_t n) const {
    return in_.lengths > 0 ? static_cast<std::int64_t>(r_.srcs[in_.lengths][static_cast<std::size_t>(n)]) : p_.steps;
  }
  std::size_t state_at(std::int64_t n) const {
    return static_cast<std::size_t>(n * tensor::parts_of_state(kind_.cell) * p_.units);
  }
  /// Before the s-th step in the order of the recurrence: h, or c.
  const double* state(const Numbers& of_all, std::int64_t n, std::int64_t s) const {
    if (s > 0) return &of_all[at(n, step(s - 1), p_.units)];
    if (in_.state == 0) return zeros_.data();
    return &r_.srcs[in_.state][state_at(n) + static_cast<std::size_t>(&of_all == &c_ ? p_.units : 0)];
  }
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (std::int64_t n = 0; n < r_.n; ++n)
      for (std::int64_t t = 0; t < p_.steps; ++t) visit(n, t);
  }

  static void apply(const Transform& f, const double* x, double* y, std::int64_t count) {
    std::copy_n(x, count, y);
    f.reference_forward({y, static_cast<std::size_t>(count)});
  }
  static void differentiate(const Transform& f, const double* x, const double* y, double* d, std::int64_t count) {
    const auto size = static_cast<std::size_t>(count);
    f.reference_backward({x, size}, {y, size}, {d, size});
  }

  struct Moments {
    double mean = 0, variance = 0, inverse = 0;
  };
  Moments moments(std::int64_t k) const {
    const auto channel = static_cast<std::size_t>(direction_ * p_.sums + k);
    Moments m{r_.parameters[3][channel], r_.parameters[4][channel]};
    if (r_.training) {
      m = {};
      const auto count = static_cast<double>(r_.n * p_.steps);
      for_each([&](std::int64_t n, std::int64_t t) { m.mean += projected_[at(n, t, p_.sums) + k] / count; });
      for_each([&](std::int64_t n, std::int64_t t) {
        m.variance += std::pow(projected_[at(n, t, p_.sums) + k] - m.mean, 2) / count;
      });
    }
    m.inverse = 1 / std::sqrt(m.variance + static_cast<double>(kind_.how.eps));
    return m;
  }
  Numbers normalised() const {
    Numbers result(projected_.size());
    for (std::int64_t k = 0; k < p_.sums; ++k) {
      const auto channel = static_cast<std::size_t>(direction_ * p_.sums + k);
      const Moments m = moments(k);
      for_each([&](std::int64_t n, std::int64_t t) {
        const std::size_t i = at(n, t, p_.sums) + static_cast<std::size_t>(k);
        result[i] = r_.parameters[1][channel] * (projected_[i] - m.mean) * m.inverse + r_.parameters[2][channel];
      });
      if (!r_.training) continue;
      const double rho = static_cast<double>(kind_.how.rho);
      r_.parameters[3][channel] = rho * r_.parameters[3][channel] + (1 - rho) * m.mean;
      r_.parameters[4][channel] = rho * r_.parameters[4][channel] + (1 - rho) * m.variance;
    }
    return result;
  }
  void through_normalisation(Numbers& d) const {
    const auto count = static_cast<double>(r_.n * p_.steps);
    for (std::int64_t k = 0; k < p_.sums; ++k) {
      const auto channel = static_cast<std::size_t>(direction_ * p_.sums + k);
      const Moments m = moments(k);
      double sum = 0, sum_x = 0;
      const auto for_all = [&](const auto& visit) {
        for_each([&](std::int64_t n, std::int64_t t) { visit(at(n, t, p_.sums) + static_cast<std::size_t>(k)); });
      };
      for_all([&](std::size_t i) {
        sum += d[i];
        sum_x += d[i] * (projected_[i] - m.mean) * m.inverse;
      });
      r_.gradients[1][channel] += sum_x;
      r_.gradients[2][channel] += sum;
      for_all([&](std::size_t i) {
        d[i] = r_.parameters[1][channel] * m.inverse *
               (d[i] - sum / count - (projected_[i] - m.mean) * m.inverse * sum_x / count);
      });
    }
  }

  const RecurrentKind& kind_;
  Reference& r_;
  RecurrentParts p_;
  RecurrentInputs in_;
  std::int64_t direction_;
  const double *w_, *state_w_, *b_;
  Numbers projected_, sums_, gates_, h_, c_, zeros_;
};

}  // namespace

void RecurrentLayer::reference_forward(Reference& r) const {
  for (std::int64_t d = 0; d < RecurrentParts(kind_, r.in()).directions; ++d) Oracle(kind_, r, d).forward();
}

void RecurrentLayer::reference_backward(Reference& r) const {
  for (std::int64_t d = 0; d < RecurrentParts(kind_, r.in()).directions; ++d) {
    Reference again = r;  // forward once more, without moving the running statistics twice
    Oracle oracle(kind_, again, d);
    oracle.forward();
    oracle.backward();
    r.gradients = again.gradients;
    r.diff_srcs = again.diff_srcs;
  }
}

}  // namespace neon
