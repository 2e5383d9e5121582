#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace api {

// Words of HTTP's grammar (RFC 9110 5.6). Case is that of ASCII.

bool is_token_character(char c);
bool is_token(std::string_view text);
std::string lower_case(std::string_view text);
bool same_word(std::string_view a, std::string_view b);  ///< but for case

/// Without spaces and tabs at both ends.
std::string_view trimmed(std::string_view text);

/// Calls `visit(element)` for each element of a comma-separated list that is not empty.
template <class Visit>
void for_each_in_list(std::string_view list, Visit&& visit) {
  while (true) {
    const auto comma = list.find(',');
    if (const std::string_view element = trimmed(list.substr(0, comma)); !element.empty()) visit(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

/// A Content-Type: "application/json" and its parameters, names and type in lower case.
struct MediaType {
  std::string type;
  std::vector<std::pair<std::string, std::string>> parameters;

  /// A parameter's value; empty when there is none. `name` in lower case.
  std::string_view parameter(std::string_view name) const;
};

/// Nothing for what is no media type.
std::optional<MediaType> media_type(std::string_view text);

}  // namespace api
