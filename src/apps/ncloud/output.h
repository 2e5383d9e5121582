#pragma once
#include <string>

#include "base/fields.h"

namespace ncloud {

enum class Format { table, json, yaml };
constexpr auto enumerators(Format) {
  return std::array{std::pair{Format::table, "table"}, std::pair{Format::json, "json"}, std::pair{Format::yaml, "yaml"}};
}

/// An answer for people or programs. Tables: a page or a list as rows, as many columns as fit into `width` (0: all); an
/// object as lines of name and value. Control characters of the server's text are made visible.
std::string render(const base::json::value& answer, Format format, int width);

/// Aligned columns; numbers to the right. The first row is the head.
std::string table(const std::vector<std::vector<std::string>>& rows, int width);

/// A value in one cell. `name` says how: "..._bytes" as a size, "..._at" as a time.
std::string cell(std::string_view name, const base::json::value& value);

}  // namespace ncloud
