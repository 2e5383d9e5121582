#include "aeon/extract/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/fields.h"
#include "base/log.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

/// Calls visit(Number()) with the C++ type of these numbers.
template <class Visit>
decltype(auto) with_type(NumberType type, Visit&& visit) {
  switch (type) {
    case NumberType::float_: return visit(float());
    case NumberType::double_: return visit(double());
    case NumberType::int8:
    case NumberType::char_: return visit(std::int8_t());
    case NumberType::uint8: return visit(std::uint8_t());
    case NumberType::int16: return visit(std::int16_t());
    case NumberType::uint16: return visit(std::uint16_t());
    case NumberType::int32: return visit(std::int32_t());
    case NumberType::uint32: return visit(std::uint32_t());
  }
  throw Error(Code::internal, "no such type of numbers");
}

/// What a number becomes in a batch.
template <class Number>
using Stored = std::conditional_t<std::is_floating_point_v<Number>, float,
                                  std::conditional_t<std::is_same_v<Number, std::uint8_t>, std::uint8_t, std::int32_t>>;

template <class Number>
void store(Number number, std::int64_t index, std::byte* to) {
  if constexpr (std::is_same_v<Number, std::uint32_t>)
    if (number > static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max()))
      throw Error(Code::invalid_argument,
                  fmt::format("number {} is {}; batches hold whole numbers up to 2147483647", index, number));
  if constexpr (std::is_same_v<Number, double>)
    if (std::isfinite(number) && std::abs(number) > std::numeric_limits<float>::max())
      throw Error(Code::invalid_argument,
                  fmt::format("number {} is {}; batches hold numbers up to 3.4e38", index, number));
  const auto stored = static_cast<Stored<Number>>(number);
  std::memcpy(to + static_cast<std::size_t>(index) * sizeof stored, &stored, sizeof stored);
}

bool separates(char c) { return c == ' ' || c == ',' || c == ';' || c == '\t' || c == '\n' || c == '\r'; }

/// The next number's text; empty at the end.
std::string_view next_word(std::string_view& text) {
  std::size_t begin = 0;
  while (begin < text.size() && separates(text[begin])) ++begin;
  std::size_t end = begin;
  while (end < text.size() && !separates(text[end])) ++end;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

template <class Number>
Number number_of(std::string_view word) {
  Number number{};
  const char* const begin = word.data() + (word.starts_with('+') ? 1 : 0);
  const auto [end, error] = std::from_chars(begin, word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size())
    throw Error(Code::invalid_argument,
                fmt::format("expected {}, got '{}'",
                            std::is_floating_point_v<Number>
                                ? std::string("a number")
                                : fmt::format("a whole number from {} to {}", std::numeric_limits<Number>::min(),
                                              std::numeric_limits<Number>::max()),
                            base::printable(word, 80)));
  return number;
}

}  // namespace

std::size_t size_of(NumberType type) {
  return with_type(type, [](auto number) { return sizeof number; });
}

tensor::Dtype dtype_of(NumberType type) {
  if (type == NumberType::float_ || type == NumberType::double_) return tensor::Dtype::f32;
  return type == NumberType::uint8 ? tensor::Dtype::u8 : tensor::Dtype::i32;
}

void read_numbers(std::string_view bytes, NumberType type, std::int64_t count, std::byte* to) {
  const std::size_t expected = static_cast<std::size_t>(count) * size_of(type);
  if (bytes.size() != expected)
    throw Error(Code::invalid_argument,
                fmt::format("expected {} bytes, {} of {}, got {}", expected, count, base::word(type), bytes.size()));
  with_type(type, [&](auto number) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(&number, bytes.data() + static_cast<std::size_t>(i) * sizeof number, sizeof number);
      store(number, i, to);
    }
  });
}

void read_text_numbers(std::string_view text, NumberType type, std::int64_t count, std::byte* to) {
  with_type(type, [&](auto number) {
    std::int64_t found = 0;
    std::string_view rest = text;
    for (std::string_view word; !(word = next_word(rest)).empty(); ++found)
      if (found < count) store(number_of<decltype(number)>(word), found, to);
    if (found != count)
      throw Error(Code::invalid_argument,
                  fmt::format("expected {} {}, got {}: '{}'", count, count == 1 ? "number" : "numbers", found,
                              base::printable(text, 80)));
  });
}

void write_filled(std::span<const std::int32_t> numbers, std::int32_t filling, std::int64_t count, std::byte* to) {
  const std::span<std::int32_t> all(reinterpret_cast<std::int32_t*>(to), static_cast<std::size_t>(count));
  std::fill(std::copy(numbers.begin(), numbers.end(), all.begin()), all.end(), filling);
}

}  // namespace aeon
