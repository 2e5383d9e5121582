#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace records {

enum class ElementType { FILE, BINARY, STRING, ASCII_INT, ASCII_FLOAT };

constexpr auto enumerators(ElementType) {
  return std::array{std::pair{ElementType::FILE, "FILE"}, std::pair{ElementType::BINARY, "BINARY"},
                    std::pair{ElementType::STRING, "STRING"}, std::pair{ElementType::ASCII_INT, "ASCII_INT"},
                    std::pair{ElementType::ASCII_FLOAT, "ASCII_FLOAT"}};
}

/// The list of records that a dataset is made of: a TSV file whose first line names the column types (docs/formats).
struct Manifest {
  std::filesystem::path file;
  std::vector<ElementType> types;
  std::vector<std::string> elements;        ///< record_count × types.size(), row-major, as written
  std::vector<std::int64_t> line_numbers;   ///< of each record, from 1

  std::int64_t record_count() const { return static_cast<std::int64_t>(line_numbers.size()); }
  std::string_view element(std::int64_t record, std::size_t column) const {
    return elements[static_cast<std::size_t>(record) * types.size() + column];
  }
};

/// Reads a manifest. Errors: not_found for the file; invalid_argument naming file, line, what was expected and what came.
Manifest read_manifest(const std::filesystem::path& file);

/// The bytes an element stands for: the contents of a FILE (relative names start at `root`, or at the manifest's folder
/// when root is empty), decoded BINARY, the text itself, or 4 little-endian bytes of an ASCII_INT or ASCII_FLOAT.
/// Errors: name the manifest's line.
std::string element_bytes(const Manifest& manifest, std::int64_t record, std::size_t column,
                          const std::filesystem::path& root);

}  // namespace records
