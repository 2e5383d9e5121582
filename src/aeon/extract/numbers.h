#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "tensor/tensor.h"

namespace aeon {

/// Kinds of numbers in records, as aeon names them.
enum class NumberType { float_, double_, int8, uint8, int16, uint16, int32, uint32, char_ };

constexpr auto enumerators(NumberType) {
  return std::array{std::pair{NumberType::float_, "float"},  std::pair{NumberType::double_, "double"},
                    std::pair{NumberType::int8, "int8_t"},   std::pair{NumberType::uint8, "uint8_t"},
                    std::pair{NumberType::int16, "int16_t"}, std::pair{NumberType::uint16, "uint16_t"},
                    std::pair{NumberType::int32, "int32_t"}, std::pair{NumberType::uint32, "uint32_t"},
                    std::pair{NumberType::char_, "char"}};
}

std::size_t size_of(NumberType type);

/// What they become in a batch: f32 for float and double, u8 for uint8_t, i32 for the others.
tensor::Dtype dtype_of(NumberType type);

/// Exactly `count` numbers one after the other, little-endian, to `to`. Errors: invalid_argument for another number of
/// bytes or a number that the batch's type does not hold.
void read_numbers(std::string_view bytes, NumberType type, std::int64_t count, std::byte* to);

/// The same from text: numbers separated by blanks, commas or semicolons. Errors: naming what is no number, too.
void read_text_numbers(std::string_view text, NumberType type, std::int64_t count, std::byte* to);

/// `numbers`, at most `count`, and then `filling` up to that.
void write_filled(std::span<const std::int32_t> numbers, std::int32_t filling, std::int64_t count, std::byte* to);

}  // namespace aeon
