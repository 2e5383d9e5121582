#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aeon/config.h"
#include "aeon/memory.h"
#include "records/source.h"
#include "tensor/batch.h"

namespace aeon {

/// In evaluation records come in their own order and nothing is random.
enum class Mode { train, evaluate };

constexpr auto enumerators(Mode) {
  return std::array{std::pair{Mode::train, "train"}, std::pair{Mode::evaluate, "evaluate"}};
}

struct LoaderOptions {
  Mode mode = Mode::train;
  std::int64_t batch_size = 128;
  std::uint64_t seed = 0;
  int threads = 1;                  ///< that read, decode and augment, beside the caller's
  std::vector<std::string> labels;  ///< names of the classes in index order, or empty: then those of the target's own
  /// Of each target of whole numbers: one that is this or more is an error; 0 or not there: none is.
  std::vector<std::int64_t> index_limits;

  /// For batches and the decoded cache. One batch is the least that works, whatever stands here.
  std::int64_t memory_bytes = kUsualMemoryBytes;
  /// Where decoding takes the memory of large images from. None: kUsualMemoryBytes of this loader's own.
  std::shared_ptr<SharedMemory> decoding;

  static constexpr std::int64_t kUsualMemoryBytes = std::int64_t{1} << 30;
};

/// Records as batches, made ahead by threads of its own.
///
/// What row i of batch b of epoch e holds depends on (seed, e, b, batch size) alone, and the pixels of record r in
/// epoch e on (seed, e, r) alone: never on threads or on where training began. The last batch of an epoch is filled up
/// with the epoch's first records.
///
/// A batch holds the tensors of all columns, named, inputs and targets each in the order of etl. When etl has no target
/// the inputs are the targets.
/// Errors of next(): whatever is wrong with a record of that batch, naming the record ("train/00017.png (train.tsv:18):
/// not a valid PNG: IDAT: CRC error"); of several the one that comes first in the batch. The same call again fails
/// again.
class Loader final : public tensor::BatchSource {
 public:
  /// In evaluation nothing is made before the first seek() or next().
  /// Errors: invalid_argument when the configuration does not fit itself (see check()) or the records' columns, or, in
  /// evaluation, when a label that is quickly found is out of range.
  Loader(const LoaderConfig& config, std::shared_ptr<const records::RecordSource> source, LoaderOptions options);
  ~Loader() override;

  const tensor::SourceInfo& info() const override;
  void seek(std::int64_t epoch, std::int64_t batch) override;
  const tensor::Batch* next() override;

  /// So much more may be taken for decoded records.
  void add_memory(std::int64_t bytes);

 private:
  class Pipeline;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace aeon
