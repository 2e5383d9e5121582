#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "neon/cost.h"
#include "neon/costs/cost_sum.h"
#include "neon/shelf.h"

namespace neon {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();  // the logarithm of a probability of 0

/// ln(eᵃ + eᵇ + eᶜ). NaN stays NaN.
double log_sum(double a, double b, double c) {
  const double largest = std::max(a, std::max(b, c));
  if (largest == kNever) return a + b + c;
  return largest + std::log(std::exp(a - largest) + std::exp(b - largest) + std::exp(c - largest));
}

/// The ways through one example. A way is at one state at each step: at a label, or at the blank before, between or
/// after labels. Source: Graves et al. 2006, section 4.1. One for each thread, so that steps allocate nothing once the
/// longest sequence was seen.
class Ways {
 public:
  static Ways& of_this_thread() {
    static thread_local Ways ways;
    return ways;
  }

  /// Takes the labels of a target: its one-hot rows but those of the blank, which pad it.
  void read_labels(std::span<const float> t, std::int64_t columns, std::int64_t blank) {
    classes_.assign(1, blank);
    for (std::size_t row = 0; row + static_cast<std::size_t>(columns) <= t.size();
         row += static_cast<std::size_t>(columns))
      for (std::int64_t c = 0; c < columns; ++c)
        if (t[row + static_cast<std::size_t>(c)] > 0.5f && c != blank) {
          classes_.push_back(c);
          classes_.push_back(blank);
        }
  }

  /// A step for each label, and one for the blank between equal ones.
  std::int64_t steps_needed() const {
    auto needed = static_cast<std::int64_t>(classes_.size() / 2);
    for (std::size_t s = 3; s < classes_.size(); s += 2) needed += classes_[s] == classes_[s - 2] ? 1 : 0;
    return needed;
  }

  /// For each step and state the logarithm of the probability of all ways that are there. Returns that of the target.
  double forward(std::span<const float> y, std::int64_t rows, std::int64_t columns) {
    const std::size_t states = classes_.size();
    if (rows == 0) return states == 1 ? 0 : kNever;
    arrivals_.resize(static_cast<std::size_t>(rows) * states);
    for (std::int64_t row = 0; row < rows; ++row) {
      double* now = arrivals_.data() + static_cast<std::size_t>(row) * states;
      const double* before = now - states;
      for (std::size_t s = 0; s < states; ++s) {
        double arrives = s < 2 ? 0 : kNever;
        if (row > 0)
          arrives =
              log_sum(before[s], s >= 1 ? before[s - 1] : kNever, s >= 2 && may_skip_to(s) ? before[s - 2] : kNever);
        now[s] = arrives + safelog(y[static_cast<std::size_t>(row * columns + classes_[s])]);
      }
    }
    const double* last = arrivals_.data() + static_cast<std::size_t>(rows - 1) * states;
    return log_sum(last[states - 1], states > 1 ? last[states - 2] : kNever, kNever);
  }

  /// After `forward` gave `total`: sets shares (rows, columns) to the probability that a way of the target is at a
  /// class, for each step.
  void shares(std::span<const float> y, std::span<float> shares, std::int64_t rows, std::int64_t columns,
              double total) {
    const std::size_t states = classes_.size();
    std::fill(shares.begin(), shares.end(), 0.0f);
    goes_on_.assign(states, kNever);
    for (std::size_t s = states < 2 ? 0 : states - 2; s < states; ++s) goes_on_[s] = 0;
    for (std::int64_t row = rows; row-- > 0;) {
      const double* here = arrivals_.data() + static_cast<std::size_t>(row) * states;
      float* to = shares.data() + row * columns;
      for (std::size_t s = 0; s < states; ++s)
        to[classes_[s]] += static_cast<float>(std::exp(here[s] + goes_on_[s] - total));
      // What goes on from a step before this one: through this step's outputs. In place, lower states first.
      for (std::size_t s = 0; s < states; ++s)
        goes_on_[s] += safelog(y[static_cast<std::size_t>(row * columns + classes_[s])]);
      for (std::size_t s = 0; s < states; ++s)
        goes_on_[s] = log_sum(goes_on_[s], s + 1 < states ? goes_on_[s + 1] : kNever,
                              s + 2 < states && may_skip_to(s + 2) ? goes_on_[s + 2] : kNever);
    }
  }

 private:
  /// Over the blank between two labels that differ.
  bool may_skip_to(std::size_t s) const { return s % 2 == 1 && classes_[s] != classes_[s - 2]; }

  std::vector<std::int64_t> classes_;       // of the states
  std::vector<double> arrivals_, goes_on_;  // (rows, states) and (states)
};

class Ctc final : public Cost {
 public:
  struct Config {
    std::int64_t blank = 0;
    static constexpr auto fields() {
      return std::tuple(
          base::field("blank", &Config::blank, "the class that stands for no label, and pads targets").at_least(0));
    }
  };
  explicit Ctc(Config config) : blank_(config.blank) {}

  void check_columns(std::int64_t columns) const override {
    if (blank_ < columns) return;
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("blank is class {}, but the network has {} outputs; give a number from 0 to {}",
                                  blank_, columns, columns - 1));
  }

  bool compares_sequences() const override { return true; }
  std::optional<std::int64_t> blank() const override { return blank_; }
  std::int64_t steps_needed(std::span<const float> t, std::int64_t columns) const override {
    return ways_of(t, columns).steps_needed();
  }

  double value(std::span<const float> y, std::span<const float> t, std::int64_t rows,
               std::int64_t columns) const override {
    return -ways_of(t, columns).forward(y, rows, columns);
  }

  void gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                std::int64_t columns) const override {
    set_shares(y, t, dy, rows, columns);
    for (std::size_t i = 0; i < dy.size(); ++i) dy[i] = y[i] - dy[i];
  }
  void true_gradient(std::span<const float> y, std::span<const float> t, std::span<float> dy, std::int64_t rows,
                     std::int64_t columns) const override {
    set_shares(y, t, dy, rows, columns);
    for (std::size_t i = 0; i < dy.size(); ++i) dy[i] *= -safelog_slope(y[i]);
  }

  /// Of a sequence of one step.
  double reference_value(std::span<const double> y, std::span<const double> t) const override {
    const auto label = static_cast<std::size_t>(std::max_element(t.begin(), t.end()) - t.begin());
    return -safelog(y[label]);
  }
  std::string_view shortcut_activation() const override { return "Softmax"; }

 private:
  Ways& ways_of(std::span<const float> t, std::int64_t columns) const {
    check_columns(columns);
    Ways& ways = Ways::of_this_thread();
    ways.read_labels(t, columns, blank_);
    return ways;
  }

  void set_shares(std::span<const float> y, std::span<const float> t, std::span<float> shares, std::int64_t rows,
                  std::int64_t columns) const {
    Ways& ways = ways_of(t, columns);
    ways.shares(y, shares, rows, columns, ways.forward(y, rows, columns));
  }

  std::int64_t blank_;
};

const OnShelf<Cost, Ctc> registered(
    "CTC", "for sequences of labels that nobody has aligned with the time steps, outputs of a Softmax",
    R"(Connectionist temporal classification, Graves et al. 2006. The outputs are a sequence (classes, time steps) with `Softmax` as the
last activation, applied to each step. A way through the steps says one class at each; merge what repeats, then leave out `blank`,
and it spells labels. The value is −ln of the probability of all ways that spell the target: the mean over examples, not divided by
the number of labels (`torch.nn.CTCLoss` with `reduction="sum"`, over the examples). With p(t, k) the share of those ways that say k
at step t, the gradient with respect to the input of the Softmax is y − p, and without a Softmax −p / y. Logarithms are safelog.

A target is a sequence of i32 class numbers, as many as the output has time steps: the labels in their order, and `blank` as padding,
which is left out wherever it stands. Where sequences have lengths (`SequenceLengths`), only their real steps count; the labels count
whatever the length is. A target needs a step for each label, and one more between two equal labels; where the sequence has fewer,
training and evaluation refuse the batch and name the example. An example of no steps and no labels costs 0.

A model with this cost at its first output is evaluated by its cost and the metric `LabelErrorRate`: others compare outputs with
targets row by row, and these have no rows in common. It cannot be masked.

A `char_map` whose `max_length` is the number of time steps and whose alphabet begins with a character for the blank reads such
targets ([dataset-config.md](../formats/dataset-config.md)). Predictions then also tell the text that the likeliest class of each step spells.)",
    {{"CTCLoss", ""}, {"ctc_loss", ""}, {"ctc_batch_cost", ""}});

}  // namespace
}  // namespace neon
