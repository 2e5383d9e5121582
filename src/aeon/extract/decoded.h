#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "aeon/memory.h"
#include "tensor/tensor.h"

namespace aeon {

/// Extents of a decoded element, outermost first; at most four, without memory of their own. A single number has none.
class Extents {
 public:
  Extents() = default;
  Extents(std::initializer_list<std::int64_t> extents) : rank_(static_cast<std::uint8_t>(extents.size())) {
    std::transform(extents.begin(), extents.end(), extents_.begin(),
                   [](std::int64_t extent) { return static_cast<std::int32_t>(extent); });
  }

  std::size_t rank() const { return rank_; }
  std::int32_t operator[](std::size_t i) const { return extents_[i]; }
  std::int64_t count() const {
    std::int64_t count = 1;
    for (std::size_t i = 0; i < rank_; ++i) count *= extents_[i];
    return count;
  }

 private:
  std::array<std::int32_t, 4> extents_{};
  std::uint8_t rank_ = 0;
};

/// One decoded element, before anything random: numbers of one kind, row-major, such as the pixels of an image
/// (height, width, channels) or the tokens of a text (length). This is what the decoded cache keeps.
struct DecodedView {
  tensor::Dtype dtype = tensor::Dtype::u8;
  Extents shape;
  const std::uint8_t* bytes = nullptr;  ///< aligned for its numbers

  std::size_t size_bytes() const { return static_cast<std::size_t>(shape.count() * tensor::size_of(dtype)); }
  template <class Number>
  std::span<const Number> as() const {
    return {reinterpret_cast<const Number*>(bytes), static_cast<std::size_t>(shape.count())};
  }
};

/// A decoded element that owns its bytes. Decoding into the same one again reuses them.
struct Decoded {
  tensor::Dtype dtype = tensor::Dtype::u8;
  Extents shape;
  std::vector<std::uint8_t> bytes;
  SharedMemory* memory = nullptr;  ///< where large elements take their memory from; none: from wherever it is
  SharedMemory::Lease lease;

  DecodedView view() const { return {dtype, shape, bytes.data()}; }
  template <class Number>
  std::span<Number> as() {
    return {reinterpret_cast<Number*>(bytes.data()), static_cast<std::size_t>(shape.count())};
  }

  /// Makes room for an element, and for `beside` bytes that its decoder needs meanwhile. Errors: as SharedMemory::take.
  void allot(tensor::Dtype element_dtype, const Extents& element_shape, std::int64_t beside = 0);

  /// The element is no longer needed: keeps a small one's memory for the next, gives a large one's back.
  void settle();
};

}  // namespace aeon
