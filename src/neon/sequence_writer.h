#pragma once
#include <map>

#include "neon/stepper.h"

namespace neon {

/// How a sequence is written.
struct WritingOptions {
  std::int64_t num_beams = 1;       ///< sequences that are followed at the same time; 1: the likeliest token each time
  std::int64_t steps = 100;         ///< tokens at most
  std::optional<std::int32_t> end;  ///< the token that ends a sequence; it is no part of what comes out
  double temperature = 0;  ///< over 0: tokens are drawn, by their probabilities to the power of 1/temperature; one beam
  std::uint64_t seed = 0;  ///< of drawing
};

struct Written {
  std::vector<std::int32_t> tokens;
  std::vector<double> probabilities;  ///< of each, given those before it
  double log_probability = 0;         ///< of all, and of the end where it is reached
  bool ended = false;
};

/// A trained model that writes sequences: the decoder of a Seq2Seq after what its encoder reads, or a model that goes
/// on with what it is told. Threads: one caller at a time.
class SequenceWriter {
 public:
  /// Errors: those of build_graph and of telling_of.
  explicit SequenceWriter(const Checkpoint& checkpoint, StepperOptions options = {});

  /// Which of the graph's inputs is told. The others, but for its length, are read.
  const Telling& telling() const { return telling_; }
  const Graph& graph() const { return graph_; }

  /// What the model writes after the tokens of `told`, of which there is at least one, such as the one that starts
  /// sequences; the likeliest first, as many as there are beams. Of all sequences that begin alike only the num_beams
  /// likeliest are followed at each step, with the product of the probabilities of their tokens. Ends are weighed like
  /// other tokens. `read` is one sample for each of the graph's inputs; the told one may be absent (nullptr).
  /// Errors: invalid_argument for options out of range, or tokens that the model does not have or cannot be told so many of.
  std::vector<Written> write(std::span<const std::byte* const> read, std::span<const std::int32_t> told,
                             const WritingOptions& options);

 private:
  Stepper& stepper_for(std::int64_t rows);
  void check(std::span<const std::int32_t> told, const WritingOptions& options) const;

  Graph graph_;
  Telling telling_;
  std::vector<NamedTensor> parameters_;
  StepperOptions options_;
  std::map<std::int64_t, std::unique_ptr<Stepper>> steppers_;  ///< by rows
};

}  // namespace neon
