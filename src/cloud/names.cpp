#include "cloud/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/log.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

void check_name(std::string_view what, std::string_view name, std::string_view also) {
  const auto allowed = [&](char c) {
    return is_digit(c) || is_letter(c) || c == '-' || c == '_' || c == '.' || also.find(c) != std::string_view::npos;
  };
  const auto refuse = [&](std::string_view why) {
    throw Error(Code::invalid_argument, fmt::format("{} name '{}' {}", what, base::printable(name, 80), why), "/name");
  };
  if (name.empty()) refuse("is empty");
  if (name.size() > 64) refuse(fmt::format("has {} characters; at most 64 are allowed", name.size()));
  if (!std::all_of(name.begin(), name.end(), allowed))
    refuse(fmt::format("may only have letters, digits, '-', '_' and '.'{}", also.empty() ? "" : " and '@'"));
  if (!is_letter(name[0]) && !is_digit(name[0])) refuse("must begin with a letter or a digit");
  if (std::all_of(name.begin(), name.end(), is_digit))
    refuse("has only digits, so it would read as an id; add a letter");
}

void check_title(std::string_view what, std::string_view text) {
  const bool control =
      std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (text.empty() || text.size() > 200 || control)
    throw Error(Code::invalid_argument,
                fmt::format("{} name must have 1 to 200 bytes without control characters, got '{}'", what,
                            base::printable(text, 80)),
                "/name");
}

std::optional<std::int64_t> id_in(std::string_view reference) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(reference.data(), reference.data() + reference.size(), id);
  if (reference.empty() || end != reference.data() + reference.size()) return std::nullopt;
  return error == std::errc() ? id : 0;  // a number too large is an id that nothing has
}

void check_sha256(std::string_view what, std::string_view digest) {
  const auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
  if (digest.size() != 64 || !std::all_of(digest.begin(), digest.end(), is_hex))
    throw Error(Code::invalid_argument, fmt::format("{} must be a SHA-256: 64 lower-case hex digits, got '{}'", what,
                                                    base::printable(digest, 80)));
}

}  // namespace cloud
