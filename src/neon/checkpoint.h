#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "base/files.h"
#include "neon/spec.h"
#include "tensor/batch.h"

namespace neon {

/// A parameter or an optimizer state, row-major in neon's own shape, never in a kernel's layout.
struct NamedTensor {
  std::string name;  ///< "fc1/weights"; optimizer states add their number: "fc1/weights/0"
  tensor::Shape shape;
  std::vector<float> values;  ///< element_count(shape) of them
};

/// What a callback remembers: numbers and words, and tensors.
struct CallbackState {
  base::json::object values;
  std::vector<NamedTensor> tensors;
};

/// The state of one callback of a model, under its name on the shelf.
struct NamedCallbackState {
  std::string type;
  CallbackState state;
};

/// Where in its training a model is: everything besides the tensors that the next step depends on.
struct TrainingPosition {
  std::int64_t epoch = 0;             ///< from 0; the epoch that the next step belongs to
  std::int64_t batch = 0;             ///< from 0; the next batch of that epoch
  std::int64_t step = 0;              ///< batches trained so far
  std::int64_t updates = 0;           ///< updates done so far: as many as steps, or fewer where gradients are summed
  std::int64_t summed = 0;            ///< batches whose gradients wait for the next update
  std::uint64_t seed = 0;             ///< of initial weights, dropout, order and augmentation
  std::int32_t threads = 0;           ///< results are the same bits only with as many
  double epoch_cost_sum = 0;          ///< of the epoch so far, for its mean
  std::int64_t epoch_cost_count = 0;  ///< batches in that sum
  std::int64_t batch_size = 0;        ///< what `batch` counts; 0: not known
  std::int64_t records = 0;           ///< of the training data; 0: not known
  bool finished = false;              ///< a callback has ended it before its last epoch
  bool streams = false;               ///< layers with states carry them from batch to batch

  /// The epoch before is trained but neither evaluated nor reported: its sum is still here.
  bool awaits_evaluation() const { return batch == 0 && epoch_cost_count > 0; }

  static constexpr auto fields() {
    using P = TrainingPosition;
    return std::tuple(base::field("epoch", &P::epoch, "epoch of the next step, from 0").at_least(0),
                      base::field("batch", &P::batch, "next batch of that epoch, from 0").at_least(0),
                      base::field("step", &P::step, "batches trained").at_least(0),
                      base::field("updates", &P::updates, "updates done").at_least(0),
                      base::field("summed", &P::summed, "batches whose gradients wait for the next update").at_least(0),
                      base::field("seed", &P::seed, "seed of every random number of the training"),
                      base::field("threads", &P::threads, "compute threads of the training").at_least(0),
                      base::field("epoch_cost_sum", &P::epoch_cost_sum, "sum of the batch costs of this epoch so far"),
                      base::field("epoch_cost_count", &P::epoch_cost_count, "batches in that sum").at_least(0),
                      base::field("batch_size", &P::batch_size, "records in a batch").at_least(0),
                      base::field("records", &P::records, "records of the training data").at_least(0),
                      base::field("finished", &P::finished, "ended before its last epoch"),
                      base::field("streams", &P::streams, "states go on from batch to batch"));
  }
};

/// A model with everything that is needed to go on training it or to predict with it. Format:
/// docs/formats/checkpoint.md.
struct Checkpoint {
  ModelSpec spec;
  std::vector<tensor::Column> inputs;  ///< what the network reads of an exemplar
  base::json::object preprocessing;    ///< how exemplars were made; its meaning belongs to the loader
  std::vector<std::string> labels;     ///< names of the classes, in index order; may be empty
  TrainingPosition position;
  std::vector<NamedTensor> parameters;
  std::vector<NamedTensor> optimizer_states;
  std::vector<NamedTensor> averages;        ///< of the learned parameters over the updates, where the model has them
  std::vector<NamedTensor> gradient_sums;   ///< of position.summed batches; none when that is 0
  std::vector<NamedTensor> carried_states;  ///< within an epoch of streams: what the next batch goes on from
  std::vector<NamedCallbackState> callbacks;
  base::json::object provenance;  ///< what the caller wants to remember: data set, program version, time
};

/// Which weights of a checkpoint: those that the model's evaluations used, those of the last update, or their average.
enum class Weights { model, newest, average };
constexpr auto enumerators(Weights) {
  return std::array{std::pair{Weights::model, "model"}, std::pair{Weights::newest, "newest"},
                    std::pair{Weights::average, "average"}};
}

/// The parameters to predict with. Errors: invalid_argument when averages are asked for and there are none.
std::vector<NamedTensor> parameters_of(const Checkpoint& checkpoint, Weights which = Weights::model);

/// Leaves these as the only weights of a checkpoint. Errors: likewise.
void choose_weights(Checkpoint& checkpoint, Weights which);

/// Makes `path` hold the checkpoint, or leaves it as it was; durable on return. The same checkpoint gives the same
/// bytes.
/// Errors: invalid_argument for tensors whose names repeat or whose values do not fit their shape; those of base/files.h.
void write_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& path);

/// The same bytes into a file that is open for writing and empty. Not durable, and not whole after an error.
void write_checkpoint(const Checkpoint& checkpoint, const base::Fd& file, std::string_view name_in_errors);

/// Errors: data_loss naming the file when its bytes are not those that write_checkpoint wrote; not_found.
Checkpoint read_checkpoint(const std::filesystem::path& path);

}  // namespace neon
