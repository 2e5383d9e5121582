#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace tensor {

/// Exemplars and targets of one step. The tensors always have batch_size rows and are aligned to 64 bytes.
struct Batch {
  Tensor input;   ///< (n, sample shape...)
  Tensor target;  ///< (n) i32 class indices, or (n, target shape...) f32
  std::int64_t count =
      0;  ///< rows that count; the rest of an epoch's last batch repeats records from the epoch's start
};

/// What a source delivers.
struct SourceInfo {
  Shape sample_shape;  ///< (c, h, w) or (features)
  Dtype sample_dtype = Dtype::f32;
  Shape target_shape;  ///< of a dense target; empty when the target is a class index
  std::int64_t record_count = 0;
  std::int64_t batch_size = 0;
  std::vector<std::string> labels;  ///< names of the classes, in index order; empty when they have none
  std::int64_t batches_per_epoch() const { return (record_count + batch_size - 1) / batch_size; }
};

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
