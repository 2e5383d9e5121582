#pragma once
// What operators that move numbers about do to them: nothing. A value of a file is a way to see numbers that lie
// elsewhere, as arrays of NumPy are, so Transpose, Reshape and Slice need no layer as long as whoever reads the value
// can do with the order in which its numbers lie.
#include <optional>

#include "tensor/tensor.h"

namespace neon {

/// So many numbers, each so far behind the one before.
struct Run {
  std::int64_t extent = 1, stride = 1;
  bool operator==(const Run&) const = default;
};

/// The stride of a run of examples, which lie nowhere in particular.
constexpr std::int64_t kBatch = -1;

/// One extent of a value: a product of runs, the last one fastest. Without any it is 1.
using Axis = std::vector<Run>;

struct Strided {
  std::int64_t offset = 0;
  std::vector<Axis> axes;

  bool operator==(const Strided&) const = default;

  std::size_t rank() const { return axes.size(); }
  std::int64_t extent(std::size_t axis) const;
  tensor::Shape shape() const;
  std::int64_t count() const;  ///< of all extents, the batch among them
  bool is_batch(std::size_t axis) const { return axes[axis].size() == 1 && axes[axis][0].stride == kBatch; }

  /// Runs of some axes, the batch left out, as few as there can be.
  Axis runs(const std::vector<std::size_t>& of) const;
  /// Those of all axes but one.
  Axis runs_besides(std::size_t axis) const;
  Axis all_runs() const;

  // Errors: invalid_argument naming what cannot be done.
  Strided reshaped(const tensor::Shape& to) const;
  Strided transposed(const std::vector<std::int64_t>& order) const;
  Strided with_one(std::size_t at) const;
  Strided without(std::size_t axis) const;  ///< an extent of 1
  Strided sliced(std::size_t axis, std::int64_t start, std::int64_t count, std::int64_t step) const;
};

/// Numbers one behind the other. With a batch of so many first, that one lies nowhere.
Strided in_order(const tensor::Shape& shape);
Strided in_order_behind_batch(std::int64_t batch, const tensor::Shape& sample);

/// A run of neighbours is one run; runs of 1 are none.
Axis merged(const Axis& runs);
std::int64_t extent_of(const Axis& runs);

/// Where the numbers of these runs lie, from 0, in their order. Errors: too_large for more than `most`.
std::vector<std::int64_t> places(const Axis& runs, std::int64_t most = std::int64_t{1} << 24);

/// Whether the runs, in whatever order, have each of so many numbers once.
bool cover(const Axis& runs, std::int64_t count);

/// `axis` counted from the end if negative. Errors: invalid_argument.
std::size_t axis_of(std::int64_t axis, std::size_t rank);

}  // namespace neon
