#include "base/base64.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

#include "base/error.h"
#include "base/log.h"

namespace base {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view three = bytes.substr(i, 3);
    std::uint32_t held = 0;
    for (std::size_t k = 0; k < 3; ++k)
      held = held << 8 | (k < three.size() ? static_cast<unsigned char>(three[k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= three.size() ? kAlphabet[held >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string from_base64(std::string_view text) {
  static constexpr auto kValues = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i)
      values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
    return values;
  }();
  std::string_view digits = text;
  for (int i = 0; i < 2 && digits.ends_with('='); ++i) digits.remove_suffix(1);
  if (digits.size() % 4 == 1 ||
      (text.size() != digits.size() && (digits.size() % 4 == 0 || text.size() > (digits.size() + 3) / 4 * 4)))
    throw Error(Code::invalid_argument,
                fmt::format("not base64: {} characters and {} of padding", digits.size(), text.size() - digits.size()));
  std::string bytes;
  bytes.reserve(digits.size() * 3 / 4);
  std::uint32_t held = 0;
  int held_bits = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const int value = kValues[static_cast<unsigned char>(digits[i])];
    if (value < 0)
      throw Error(Code::invalid_argument,
                  fmt::format("not base64: character {} is '{}'", i + 1, printable(digits.substr(i, 1))));
    held = held << 6 | static_cast<std::uint32_t>(value);
    held_bits += 6;
    if (held_bits >= 8) {
      held_bits -= 8;
      bytes.push_back(static_cast<char>(held >> held_bits & 0xFF));
    }
  }
  if ((held & ((1u << held_bits) - 1)) != 0) throw Error(Code::invalid_argument, "not base64: cut off in a byte");
  return bytes;
}

}  // namespace base
