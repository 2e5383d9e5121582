#pragma once
#include <string>

#include "base/fields.h"

namespace ncloud {

enum class Format { table, json, yaml };
constexpr auto enumerators(Format) {
  return std::array{std::pair{Format::table, "table"}, std::pair{Format::json, "json"},
                    std::pair{Format::yaml, "yaml"}};
}

/// An answer for people or programs. Tables: a page or a list as rows, as many of the `columns` (of none: what the rows
/// have) as fit into `width` (0: all) and a line that names the others; an object as lines of name and value. Which
/// columns fit does not depend on the rows. Control characters of the server's text are made visible.
std::string render(const base::json::value& answer, Format format, int width,
                   const std::vector<std::string>& columns = {});

/// Aligned columns; numbers to the right. The first row is the head. With a width, the widest cells are cut.
std::string table(const std::vector<std::vector<std::string>>& rows, int width);

/// Columns of a terminal that text takes: two for each wide character, none for a combining one.
std::size_t columns_of(std::string_view text);

/// `text`, or what fits of it and "…".
std::string shortened(std::string_view text, std::size_t columns);

/// A value in one cell. `name` says how: "..._bytes" as a size, "..._at" as a time (UTC).
std::string cell(std::string_view name, const base::json::value& value);

}  // namespace ncloud
