#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tensor/tensor.h"

namespace tensor {

/// The order of an activation's elements as four nested loops: n, channel block, position, channel inside the block.
/// It covers (n, c, h, w) row-major (block 1), channels last (one block of all channels), the blocked orders that
/// vector units like (blocks of 8 or 16), and (n, c). Channels from `channels` to blocks*block are padding and must
/// stay zero.
struct ChannelOrder {
  std::int64_t n = 0;
  std::int64_t blocks = 0;
  std::int64_t positions = 0;
  std::int64_t block = 0;
  std::int64_t channels = 0;
  std::int64_t padded_channels() const { return blocks * block; }
  std::int64_t size() const { return n * blocks * positions * block; }
};

/// Shape, dtype and order in memory of a tensor. A value; equal layouts hold equal bytes for equal tensors.
class Layout {
 public:
  Layout() = default;  ///< no tensor
  static Layout row_major(Dtype dtype, const Shape& shape);
  /// A sequence (n, features, t) with the features of one step of one example side by side, then the examples, then the
  /// steps: the rows of all steps as (t·n, features), which is neon's order of columns.
  static Layout time_major(Dtype dtype, const Shape& shape);

  explicit operator bool() const { return storage_ != nullptr; }
  Dtype dtype() const;
  const Shape& shape() const;
  std::size_t size_bytes() const;  ///< padding included
  bool is_row_major() const;
  bool is_time_major() const;

  /// The same bytes under another shape of as many elements; row-major layouts only.
  Layout reshaped(const Shape& shape) const;

  /// The same order of channels for other extents after them; for layouts that have a channel_order.
  Layout resized(const Shape& shape) const;

  /// Empty when the order is none of those that ChannelOrder can tell.
  std::optional<ChannelOrder> channel_order() const;

  /// The same for loops to which examples and positions are alike: also tells time-major sequences, as t examples of n
  /// positions.
  std::optional<ChannelOrder> feature_order() const;

  /// "f32 (128, 16, 28, 28) blocked by 8".
  std::string text() const;

  friend bool operator==(const Layout& a, const Layout& b);

  struct Storage;
  explicit Layout(std::shared_ptr<const Storage> storage) : storage_(std::move(storage)) {}
  const Storage& storage() const { return *storage_; }

 private:
  std::shared_ptr<const Storage> storage_;
};

/// Copies a tensor from one layout into another of the same shape. Allocates; for the edges (checkpoints), not for
/// steps.
void copy(const Layout& from, const void* source, const Layout& to, void* target);

}  // namespace tensor
