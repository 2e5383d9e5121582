#pragma once
#include <string>

#include "base/fields.h"

namespace ncloud {

enum class Format { table, json, yaml };
constexpr auto enumerators(Format) {
  return std::array{std::pair{Format::table, "table"}, std::pair{Format::json, "json"},
                    std::pair{Format::yaml, "yaml"}};
}

/// An answer for people or programs. Tables: a page or a list as rows, as many columns as fit into `width` (0: all) and
/// a line that names the others; an object as lines of name and value. Checkpoints' SHA-256 are left out of lists.
/// Control characters of the server's text are made visible.
std::string render(const base::json::value& answer, Format format, int width);

/// Aligned columns; numbers to the right. The first row is the head. With a width, wide cells are cut, first the last
/// one.
std::string table(const std::vector<std::vector<std::string>>& rows, int width);

/// Columns that text takes: code points, which is right for all but wide and combining characters.
std::size_t columns_of(std::string_view text);

/// `text`, or what fits of it and "…".
std::string shortened(std::string_view text, std::size_t columns);

/// A value in one cell. `name` says how: "..._bytes" as a size, "..._at" as a time (UTC).
std::string cell(std::string_view name, const base::json::value& value);

}  // namespace ncloud
