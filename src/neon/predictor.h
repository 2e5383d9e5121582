#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neon/checkpoint.h"
#include "neon/plan.h"
#include "tensor/arena.h"

namespace neon {

struct ClassProbability {
  double probability = 0;
  std::int64_t index = 0;
  std::string label;  ///< empty when the classes have no names
};

/// What one output of a model says of one sample.
struct Answer {
  /// Of each of its time steps, one where it is no sequence: some of its numbers.
  std::vector<std::vector<ClassProbability>> steps;
  /// After a cost CTC: the labels that the likeliest class of each step spells.
  std::string text;
};

struct PredictorOptions {
  int max_batch = 32;                  ///< rows of one predict at most
  int threads = 0;                     ///< at most so many; 0: as many as there are processors
  std::vector<tensor::Column> inputs;  ///< what samples are given as; none: what the network's layers see
  std::vector<bool> ranked;            ///< of each output: classes, the largest told first; false: numbers, in order
};

/// A trained network ready to answer. It has a plan for each of 1, 2, 4, ... rows up to max_batch, all with the same
/// weights, made when first needed. Threads: one caller at a time. Outputs hold until the next call.
class Predictor {
 public:
  /// Errors: those of build_graph and compile, for a checkpoint whose parts do not fit together.
  explicit Predictor(const Checkpoint& checkpoint, const PredictorOptions& options = {});

  /// Makes all plans and runs each once, so that the first request is as quick as the later ones.
  void warm_up();

  /// Of each input `rows` samples one after the other, prepared as in training (or noise, for a GenerativeAdversarial)
  /// → the main output, (rows, out_count). They are aligned to 64 bytes. Errors: invalid_argument unless 1 <= rows <=
  /// max_batch.
  std::span<const float> predict(std::span<const std::byte* const> samples, std::int64_t rows);

  /// The k largest of one row of columns() numbers, largest first; of equal ones the lower index first. Errors: as
  /// check_k.
  std::vector<ClassProbability> top_k(std::span<const float> row, std::int64_t k) const;

  /// What each output of the network said of a row of the last predict: the k largest where they are ranked, else the
  /// first k; 0: five classes, or all numbers. Errors: as check_k.
  std::vector<Answer> answers(std::int64_t row, std::int64_t k) const;

  /// Errors: invalid_argument naming the range unless 1 <= k <= columns().
  void check_k(std::int64_t k) const;

  const Graph& graph() const { return graph_; }
  const tensor::Shape& sample_shape() const { return graph_.spec_of(graph_.predicted_from().front()).shape; }
  std::int64_t out_count() const { return graph_.out_count(); }
  std::int64_t steps() const { return graph_.rows_per_example(); }  ///< time steps of a sequence; else 1
  std::int64_t columns() const { return graph_.columns(); }         ///< numbers of each
  const std::vector<std::string>& labels() const { return labels_; }

 private:
  struct Sized {
    std::int64_t rows;
    std::unique_ptr<Plan> plan;
  };
  Plan& plan_for(Sized& sized);
  bool is_ranked(std::size_t output) const { return output >= options_.ranked.size() || options_.ranked[output]; }
  std::vector<ClassProbability> largest(std::span<const float> row, std::int64_t k, bool with_labels) const;
  ClassProbability named(std::int64_t index, float probability, bool with_label) const;
  std::string spelled(const std::vector<std::vector<ClassProbability>>& steps, std::int64_t blank) const;
  std::span<const float> run(Sized& sized, std::span<const std::byte* const> samples);

  PredictorOptions options_;
  Graph graph_;
  std::vector<std::string> labels_;
  std::vector<std::optional<std::int64_t>> blanks_;  ///< of each output whose cost has one
  const Sized* last_ = nullptr;                      ///< that predicted last
  std::vector<std::size_t> sample_bytes_;            ///< of each input
  std::vector<tensor::Arena> padded_;                ///< max_batch samples of each, for fewer rows than a plan has
  std::vector<const std::byte*> padded_data_;        ///< of these
  std::vector<Sized> plans_;                         ///< ascending; the first holds the weights of all
};

}  // namespace neon
