#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tensor {

enum class Dtype { f32, u8, i32 };

constexpr auto enumerators(Dtype) {
  return std::array{std::pair{Dtype::f32, "f32"}, std::pair{Dtype::u8, "u8"}, std::pair{Dtype::i32, "i32"}};
}

constexpr std::int64_t size_of(Dtype dtype) { return dtype == Dtype::u8 ? 1 : 4; }

/// Extents, outermost first. Activations are (n, c, h, w) or (n, features); per-sample shapes leave n out.
using Shape = std::vector<std::int64_t>;

/// The product of the extents. Errors: invalid_argument when it would pass 2^40 or an extent is not positive.
std::int64_t element_count(const Shape& shape);

/// "(3, 32, 32)".
std::string text(const Shape& shape);

/// A view of numbers that somebody else owns, row-major.
struct Tensor {
  Dtype dtype = Dtype::f32;
  Shape shape;
  void* data = nullptr;

  std::int64_t size() const { return element_count(shape); }
  template <class T>
  std::span<T> as() const {
    return {static_cast<T*>(data), static_cast<std::size_t>(size())};
  }
};

}  // namespace tensor
