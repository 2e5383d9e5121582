#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace tensor {

/// One tensor of every record: an image, a class index, a mask.
struct Column {
  std::string name;  ///< "image"; empty where it has none
  Shape shape;       ///< of one record; a single number has none
  Dtype dtype = Dtype::f32;
};

/// Exemplars and targets of one step, in the order of the source's columns. The tensors always have batch_size rows,
/// (n, column shape...), and are aligned to 64 bytes.
struct Batch {
  std::vector<Tensor> inputs, targets;
  std::int64_t count =
      0;  ///< rows that count; the rest of an epoch's last batch repeats records from the epoch's start

  // The first of each; most models have no more.
  Tensor& input() { return inputs.front(); }
  Tensor& target() { return targets.front(); }
  const Tensor& input() const { return inputs.front(); }
  const Tensor& target() const { return targets.front(); }
};

/// What a source delivers.
struct SourceInfo {
  std::vector<Column> inputs;   ///< (c, h, w), (features) or (features, time steps)
  std::vector<Column> targets;  ///< i32: class indices; f32: what outputs are compared with
  std::int64_t record_count = 0;
  std::int64_t batch_size = 0;
  std::vector<std::string> labels;  ///< names of the classes, in index order; empty when they have none
  bool streams = false;  ///< row i of a batch goes on where row i of the batch before ended; an epoch begins anew

  std::int64_t batches_per_epoch() const { return (record_count + batch_size - 1) / batch_size; }
};

/// (n, shape...).
inline Shape with_rows(std::int64_t n, const Shape& shape) {
  Shape result{n};
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

/// Where batches come from. The content of batch b of epoch e is a function of (seed, e, b) alone, so training can stop
/// anywhere and go on from a position. Threads: one caller.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual const SourceInfo& info() const = 0;

  /// The next next() returns batch `batch` of epoch `epoch`.
  virtual void seek(std::int64_t epoch, std::int64_t batch) = 0;

  /// The next batch of this epoch, or nullptr after its last. The pointer and its data hold until the call after.
  /// Errors: whatever is wrong with a record, naming it.
  virtual const Batch* next() = 0;
};

}  // namespace tensor
