#include "api/http/words.h"

#include <algorithm>

namespace api {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// A token or a quoted string from the front of `text`, which moves behind it. Nothing when there is neither.
std::optional<std::string> take_value(std::string_view& text) {
  std::string value;
  if (!text.starts_with('"')) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_token_character);
    value.assign(text.begin(), end);
    text.remove_prefix(value.size());
    return value.empty() ? std::nullopt : std::optional(value);
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    if (text[i] == '\\' && ++i == text.size()) break;
    value += text[i];
  }
  return std::nullopt;
}

}  // namespace

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view MediaType::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters)
    if (key == name) return value;
  return {};
}

std::optional<MediaType> media_type(std::string_view text) {
  text = trimmed(text);
  const auto end = std::min(text.find(';'), text.size());
  const std::string_view type = trimmed(text.substr(0, end));
  const auto slash = type.find('/');
  if (slash == std::string_view::npos || !is_token(type.substr(0, slash)) || !is_token(type.substr(slash + 1)))
    return std::nullopt;
  MediaType result{lower_case(type), {}};
  text.remove_prefix(end);
  while (!text.empty()) {
    text = trimmed(text.substr(1));  // the semicolon
    const auto equals = std::min(text.find_first_of("=;"), text.size());
    if (equals == text.size() || text[equals] == ';') {
      if (equals > 0) return std::nullopt;  // a name without a value; "; ;" may be there
      text.remove_prefix(equals);
      continue;
    }
    const std::string_view name = text.substr(0, equals);
    text.remove_prefix(equals + 1);
    const std::optional<std::string> value = take_value(text);
    text = trimmed(text);
    if (!is_token(name) || !value || (!text.empty() && text.front() != ';')) return std::nullopt;
    result.parameters.emplace_back(lower_case(name), *value);
  }
  return result;
}

}  // namespace api
