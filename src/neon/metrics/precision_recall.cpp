#include "neon/metric.h"
#include "neon/metrics/largest.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class PrecisionRecall final : public Metric {
 public:
  struct Config {
    std::int64_t num_classes = 1;
    bool binarize = false;
    double epsilon = 1e-6;
    static constexpr auto fields() {
      return std::tuple(
          base::field("num_classes", &Config::num_classes, "the network's outputs").required().range(1, 1 << 24),
          base::field("binarize", &Config::binarize,
                      "true: the largest output counts as 1 and the others as 0; false: outputs count as they are"),
          base::field("epsilon", &Config::epsilon, "keeps the divisors over 0").positive());
    }
  };
  explicit PrecisionRecall(Config config) : config_(config), classes_(static_cast<std::size_t>(config.num_classes)) {}

  std::vector<std::string> names() const override { return {"Precision", "Recall"}; }

  void check_columns(std::int64_t columns) const override {
    if (columns != config_.num_classes)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("num_classes is {}, but the network has {} outputs; write num_classes: {}",
                                    config_.num_classes, columns, columns));
  }

  /// For each class: right answers, answers, targets.
  std::size_t sum_count() const override { return 3 * classes_; }

  void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
           std::span<double> sums) const override {
    check_columns(columns);
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto begin = static_cast<std::size_t>(row * columns);
      const std::int64_t answer = config_.binarize ? largest(y.subspan(begin, classes_)) : -1;
      for (std::size_t i = 0; i < classes_; ++i) {
        const double target = t[begin + i];
        const double output = config_.binarize ? static_cast<double>(static_cast<std::int64_t>(i) == answer)
                                               : static_cast<double>(y[begin + i]);
        sums[3 * i] += output * target;
        sums[3 * i + 1] += output;
        sums[3 * i + 2] += target;
      }
    }
  }

  void finish(std::span<const double> sums, std::int64_t, std::span<double> figures) const override {
    double precision = 0, recall = 0;
    for (std::size_t i = 0; i < classes_; ++i) {
      precision += sums[3 * i] / (sums[3 * i + 1] + config_.epsilon);
      recall += sums[3 * i] / (sums[3 * i + 2] + config_.epsilon);
    }
    figures[0] = precision / static_cast<double>(classes_);
    figures[1] = recall / static_cast<double>(classes_);
  }

 private:
  Config config_;
  std::size_t classes_;
};

const OnShelf<Metric, PrecisionRecall> registered(
    "PrecisionRecall", "how many answers are right, and how many of what was sought is found, by class",
    R"(Figures: `Precision`, the mean over classes of Σ y·t / (Σ y + ε), and `Recall`, that of Σ y·t / (Σ t + ε), the sums over all
exemplars of the evaluation; neon takes the mean of the batches' figures. With a `Softmax` as the last activation use `binarize: true`.
A class that is never answered counts 0 for the precision.)",
    {{"Precision", "write PrecisionRecall"},
     {"Recall", "write PrecisionRecall"},
     {"F1", "write PrecisionRecall"},
     {"F1Score", "write PrecisionRecall"}});

}  // namespace
}  // namespace neon
