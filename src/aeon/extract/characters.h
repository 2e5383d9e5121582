#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace aeon {

/// The characters of a text, as code points. Errors: invalid_argument when it is not UTF-8.
std::vector<char32_t> characters_of(std::string_view utf8);

/// The capital letter of a character, where it has one of its own (ß has none).
char32_t upper_case(char32_t character);

/// The small one.
char32_t lower_case(char32_t character);

/// A character in UTF-8.
std::string utf8_of(char32_t character);

}  // namespace aeon
