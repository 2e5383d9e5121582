#pragma once
#include <string>
#include <string_view>

namespace base {

/// How many bytes from the front are UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF); the
/// whole size when all are.
std::size_t utf8_prefix(std::string_view text);

inline bool is_utf8(std::string_view text) { return utf8_prefix(text) == text.size(); }

/// `text`, or at most its first `limit` bytes: cut between two characters.
std::string_view cut_utf8(std::string_view text, std::size_t limit);

/// `text` with U+FFFD for each byte that is not part of a character.
std::string to_utf8(std::string_view text);

}  // namespace base
