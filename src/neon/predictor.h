#pragma once
#include <cstdint>
#include <memory>
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

struct PredictorOptions {
  int max_batch = 32;                  ///< rows of one predict at most
  int threads = 0;                     ///< at most so many; 0: as many as there are processors
  std::vector<tensor::Column> inputs;  ///< what samples are given as; none: what the network's layers see
  bool ranked = true;                  ///< outputs are classes, the largest told first; false: numbers, in their order
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

  /// The k largest of one row of columns() numbers, largest first; of equal ones the lower index first. Of outputs that
  /// are not ranked the first k. Errors: as check_k.
  std::vector<ClassProbability> top_k(std::span<const float> row, std::int64_t k) const;

  /// The same for one sample's out_count() outputs: of each of its steps(), one after the other.
  std::vector<std::vector<ClassProbability>> top_k_of_steps(std::span<const float> outputs, std::int64_t k) const;

  /// Errors: invalid_argument naming the range unless 1 <= k <= columns().
  void check_k(std::int64_t k) const;
  /// How many are told where nobody says it: five classes, or all numbers.
  std::int64_t usual_k() const;

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
  std::span<const float> run(Sized& sized, std::span<const std::byte* const> samples);

  PredictorOptions options_;
  Graph graph_;
  std::vector<std::string> labels_;
  std::vector<std::size_t> sample_bytes_;      ///< of each input
  std::vector<tensor::Arena> padded_;          ///< max_batch samples of each, for fewer rows than a plan has
  std::vector<const std::byte*> padded_data_;  ///< of these
  std::vector<Sized> plans_;                   ///< ascending; the first holds the weights of all
};

}  // namespace neon
