#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace cloud {

/// Refuses names outside the grammar: 1 to 64 of letters, digits, '-', '_', '.' (and what `also` lists), beginning with
/// a letter or digit, and not digits only, because those read as ids. `what` is for the message: "tenant".
void check_name(std::string_view what, std::string_view name, std::string_view also = "");

/// Refuses text for people that is empty, longer than 200 bytes or has control characters.
void check_title(std::string_view what, std::string_view text);

/// The number when `reference` is an id, nothing when it is a name.
std::optional<std::int64_t> id_in(std::string_view reference);

/// Refuses what is no SHA-256 in lower-case hex.
void check_sha256(std::string_view what, std::string_view digest);

}  // namespace cloud
