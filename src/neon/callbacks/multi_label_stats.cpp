#include <algorithm>

#include "base/error.h"
#include "neon/callback.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// Precision and recall of each class by itself.
class ByLabel final : public Metric {
 public:
  ByLabel(std::vector<std::string> labels, bool binarize, double epsilon)
      : labels_(std::move(labels)), binarize_(binarize), epsilon_(epsilon) {}

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const std::string& label : labels_)
      for (const std::string_view what : {"Precision", "Recall"}) names.push_back(fmt::format("{} of {}", what, label));
    return names;
  }
  std::size_t sum_count() const override { return 3 * labels_.size(); }

  /// Of each class: right answers, answers, targets.
  void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
           std::span<double> sums) const override {
    const auto classes = static_cast<std::size_t>(columns);
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
      const auto outputs = y.subspan(row * classes, classes), targets = t.subspan(row * classes, classes);
      const auto answer = static_cast<std::size_t>(std::max_element(outputs.begin(), outputs.end()) - outputs.begin());
      for (std::size_t i = 0; i < classes; ++i) {
        const double output = binarize_ ? (i == answer ? 1.0 : 0.0) : static_cast<double>(outputs[i]);
        sums[3 * i] += output * static_cast<double>(targets[i]);
        sums[3 * i + 1] += output;
        sums[3 * i + 2] += static_cast<double>(targets[i]);
      }
    }
  }

  void finish(std::span<const double> sums, std::int64_t, std::span<double> figures) const override {
    for (std::size_t i = 0; i < labels_.size(); ++i)
      for (std::size_t k = 0; k < 2; ++k) figures[2 * i + k] = sums[3 * i] / (sums[3 * i + 1 + k] + epsilon_);
  }

 private:
  std::vector<std::string> labels_;
  bool binarize_;
  double epsilon_;
};

class MultiLabelStats final : public Callback {
 public:
  struct Config {
    std::optional<std::vector<std::string>> labels;
    bool binarize = false;
    double epsilon = 1e-6;
    std::int64_t epoch_freq = 1;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("labels", &C::labels, "a name for each output; those of the data when absent"),
          base::field("binarize", &C::binarize,
                      "true: the largest output counts as 1 and the others as 0; false: outputs count as they are"),
          base::field("epsilon", &C::epsilon, "keeps the divisors over 0").positive(),
          base::field("epoch_freq", &C::epoch_freq, "epochs between two of its figures").at_least(1));
    }
  };
  explicit MultiLabelStats(Config config) : config_(std::move(config)) {}

  void prepare(const TrainingFacts& facts) override {
    const auto refuse = [](std::string message) {
      throw base::Error(base::Code::invalid_argument, std::move(message), "/callbacks");
    };
    if (!facts.evaluates) refuse("a MultiLabelStatsCallback measures evaluation data, and there are none; give some");
    const auto columns = static_cast<std::size_t>(facts.graph.columns());
    std::vector<std::string> labels = config_.labels.value_or(facts.labels);
    if (config_.labels && labels.size() != columns)
      refuse(fmt::format("labels of MultiLabelStatsCallback has {} names, but the network has {} outputs",
                         labels.size(), columns));
    while (labels.size() < columns) labels.push_back(std::to_string(labels.size()));
    labels.resize(columns);
    metric_ = std::make_unique<ByLabel>(std::move(labels), config_.binarize, config_.epsilon);
  }
  Watch watches() const override { return {metric_.get(), config_.epoch_freq}; }

 private:
  Config config_;
  std::unique_ptr<Metric> metric_;
};

const OnShelf<Callback, MultiLabelStats> registered(
    "MultiLabelStatsCallback", "precision and recall of each class by itself",
    R"(Figures `Precision of <label>`, Σ y·t / (Σ y + ε), and `Recall of <label>`, Σ y·t / (Σ t + ε), the sums over all exemplars of the
evaluation, for networks whose targets are several labels at once as for those with one class an exemplar; with a `Softmax` as the last
activation use `binarize: true`.)");

}  // namespace
}  // namespace neon
