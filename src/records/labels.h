#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace records {

/// A labels file holds the names of the classes, one a line, that of class 0 first (docs/formats/manifest.md). Blank
/// lines at its end do not count. Errors: those of base::read_text; invalid_argument for a blank line elsewhere, naming
/// file and line.
std::vector<std::string> read_labels(const std::filesystem::path& file);

/// The same from text in memory; `name` is the file's, for errors.
std::vector<std::string> parse_labels(std::string_view bytes, std::string_view name);

}  // namespace records
