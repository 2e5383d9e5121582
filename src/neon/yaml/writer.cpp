#include <cctype>

#include "neon/model_text.h"

namespace neon {
namespace {

constexpr std::size_t kColumns = 120;

/// A word that YAML takes for text without quotes.
bool is_plain(std::string_view text) {
  static constexpr std::array<std::string_view, 9> other{"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  if (text.empty() || !std::isalpha(static_cast<unsigned char>(text[0]))) return false;
  for (const char c : text)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.' && c != '-') return false;
  return std::none_of(other.begin(), other.end(), [&](std::string_view word) { return same_word(word, text); });
}

/// What is left out means the same.
bool says_something(const base::json::key_value_pair& member) {
  return !member.value().is_null() &&
         !(member.key() == "config" && member.value().is_object() && member.value().get_object().empty());
}

/// In one line: {type: Linear, config: {nout: 10}}.
std::string in_line(const base::json::value& value) {
  std::string text;
  const auto add = [&](std::string_view more) { text += (text.empty() ? "" : ", ") + std::string(more); };
  if (value.is_array()) {
    for (const auto& item : value.get_array()) add(in_line(item));
    return "[" + text + "]";
  }
  if (value.is_object()) {
    for (const auto& member : value.get_object())
      if (says_something(member)) add(in_line(member.key()) + ": " + in_line(member.value()));
    return "{" + text + "}";
  }
  if (value.is_string() && is_plain(value.get_string())) return std::string(value.get_string());
  return base::to_text(value);
}

/// In as many lines as it needs, each indented; what begins behind a "-" begins in its line.
std::string in_block(const base::json::value& value, std::size_t indent, bool behind_dash = false) {
  const std::string line = in_line(value);
  const bool fits = line.size() + indent <= kColumns || !(value.is_array() || value.is_object());
  if (fits && indent > 0) return " " + line + "\n";
  const std::string margin(indent, ' ');
  std::string text = behind_dash || indent == 0 ? "" : "\n";
  const auto begin_line = [&] { text += text.empty() && behind_dash ? " " : margin; };
  if (value.is_array()) {
    for (const auto& item : value.get_array()) begin_line(), text += "-" + in_block(item, indent + 2, true);
    return text;
  }
  for (const auto& member : value.get_object())
    if (says_something(member))
      begin_line(), text += in_line(member.key()) + ":" + in_block(member.value(), indent + 2);
  return text;
}

}  // namespace

std::string yaml_of(const ModelSpec& spec) {
  base::json::object document = spec.to_json().as_object();
  if (spec.dataset.empty()) document.erase("dataset");
  return in_block(document, 0);
}

}  // namespace neon
