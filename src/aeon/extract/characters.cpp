#include "aeon/extract/characters.h"

#include <fmt/format.h>

#include <clocale>
#include <cwctype>
#include <string>

#include "base/error.h"
#include "base/utf8.h"

namespace aeon {
namespace {

/// The C library's tables of Unicode, whatever the user's language is.
locale_t unicode() {
  static const locale_t made = [] {
    const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (locale == nullptr)
      throw base::Error(base::Code::unavailable, "this system has no locale C.UTF-8, which knows capital letters");
    return locale;
  }();
  return made;
}

}  // namespace

std::vector<char32_t> characters_of(std::string_view utf8) {
  if (const std::size_t good = base::utf8_prefix(utf8); good != utf8.size())
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("not UTF-8 text: byte {} is {:#04x}", good, static_cast<unsigned char>(utf8[good])));
  std::vector<char32_t> characters;
  characters.reserve(utf8.size());
  for (std::size_t i = 0; i < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    const int more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    char32_t character = more == 0 ? first : first & (0x3Fu >> more);
    for (int k = 1; k <= more; ++k)
      character = character << 6 | (static_cast<unsigned char>(utf8[i + static_cast<std::size_t>(k)]) & 0x3F);
    characters.push_back(character);
    i += static_cast<std::size_t>(more) + 1;
  }
  return characters;
}

char32_t upper_case(char32_t character) {
  return static_cast<char32_t>(::towupper_l(static_cast<wint_t>(character), unicode()));
}

char32_t lower_case(char32_t character) {
  return static_cast<char32_t>(::towlower_l(static_cast<wint_t>(character), unicode()));
}

std::string utf8_of(char32_t character) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (character >> shift & 0x3F)); };
  if (character < 0x80) return {static_cast<char>(character)};
  if (character < 0x800) return {static_cast<char>(0xC0 | character >> 6), tail(0)};
  if (character < 0x10000) return {static_cast<char>(0xE0 | character >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | character >> 18), tail(12), tail(6), tail(0)};
}

}  // namespace aeon
