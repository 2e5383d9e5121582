#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neon/checkpoint.h"
#include "neon/graph.h"

namespace neon {

/// How a model writes: it is told a sequence token by token and says after each which one is next.
struct Telling {
  std::size_t input = 0;    ///< of the graph's inputs that which is told
  std::int64_t tokens = 0;  ///< how many there are
  std::string needs_all;    ///< the layer because of which a step needs all that was told before; empty: none does
};

/// Errors: invalid_argument saying why the model does not write: it gives no Softmax for each step of a sequence, gives
/// other tokens than it reads, or a layer sees steps that are not told yet.
Telling telling_of(const Graph& graph);

struct StepperOptions {
  std::int64_t rows = 1;               ///< sequences at the same time
  int threads = 0;                     ///< at most so many; 0: as many as there are processors
  std::vector<tensor::Column> inputs;  ///< what samples are given as; none: what the network's layers see
  bool repeats = false;  ///< compute all steps again for each token, also where going on from states would do
};

/// Several sequences that a model is being told, all after the same sample. Threads: one caller at a time.
class Stepper {
 public:
  virtual ~Stepper() = default;

  /// Forgets what was told. `read` is one sample of each of the graph's inputs (the told one and its length are not
  /// looked at).
  virtual void begin(std::span<const std::byte* const> read) = 0;

  /// Row i goes on from what row from[i] was told.
  virtual void follow(std::span<const std::size_t> from) = 0;

  /// Tells each row a token. Returns the probabilities of the next one, (rows, tokens), which hold until the next call.
  virtual std::span<const float> tell(std::span<const std::int32_t> tokens) = 0;

  /// How many tokens a row can be told; nothing: any number.
  virtual std::optional<std::int64_t> limit() const = 0;
};

/// With a plan of one step whose states go around; where a layer needs all steps, with one of whole sequences that is
/// run for each token. Errors: those of telling_of and compile.
std::unique_ptr<Stepper> make_stepper(const Graph& graph, std::span<const NamedTensor> parameters,
                                      const StepperOptions& options);

}  // namespace neon
