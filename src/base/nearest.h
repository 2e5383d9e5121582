#pragma once
#include <span>
#include <string>
#include <string_view>

namespace base {

/// The known word closest to `word` by edit distance, or empty when none is close (distance below half its length).
std::string nearest(std::string_view word, std::span<const std::string_view> known);

/// "unknown layer 'Afine'; did you mean 'Affine'?" or, when nothing is close, "...; known are: a, b, c".
std::string unknown_word(std::string_view kind, std::string_view word, std::span<const std::string_view> known);

}  // namespace base
