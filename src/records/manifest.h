#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/files.h"

namespace records {

enum class ElementType { FILE, BINARY, STRING, ASCII_INT, ASCII_FLOAT };

constexpr auto enumerators(ElementType) {
  return std::array{std::pair{ElementType::FILE, "FILE"}, std::pair{ElementType::BINARY, "BINARY"},
                    std::pair{ElementType::STRING, "STRING"}, std::pair{ElementType::ASCII_INT, "ASCII_INT"},
                    std::pair{ElementType::ASCII_FLOAT, "ASCII_FLOAT"}};
}

/// A manifest has at most this many columns and a shard has, too.
inline constexpr std::size_t kMaxColumns = 255;

/// The list of records that a dataset is made of: a TSV file whose first line names the column types
/// (docs/formats/manifest.md).
struct Manifest {
  std::filesystem::path file;
  std::vector<ElementType> types;
  std::vector<std::string> elements;       ///< record_count × types.size(), row-major, as written
  std::vector<std::int64_t> line_numbers;  ///< of each record, from 1

  std::int64_t record_count() const { return static_cast<std::int64_t>(line_numbers.size()); }
  std::string_view element(std::int64_t record, std::size_t column) const {
    return elements[static_cast<std::size_t>(record) * types.size() + column];
  }
};

/// Reads a manifest. Errors: not_found for the file; invalid_argument naming file, line, what was expected and what
/// came.
Manifest read_manifest(const std::filesystem::path& file);

/// A manifest from bytes already in memory; `file` names it in errors and is where relative names start.
Manifest parse_manifest(std::string_view bytes, const std::filesystem::path& file);

/// What errors call a record: its first FILE element, or "record 17" (from 1), and its line: "train/00017.png
/// (train.tsv:18)".
std::string record_name(const Manifest& manifest, std::int64_t record);

/// An element has at most this many bytes, and with it what a manifest makes a program read at once.
inline constexpr std::size_t kMaxElementBytes = std::size_t{64} << 20;

/// What a manifest's FILE elements may lead to.
enum class Reach {
  root,       ///< only what lies below the root, links followed
  everywhere  ///< any file
};

/// Where a manifest's FILE elements are: relative names start here. Threads: one at a time, unless the reach is
/// everywhere.
class Root {
 public:
  /// `folder` empty: the manifest's. Errors: not_found.
  explicit Root(const Manifest& manifest, const std::filesystem::path& folder = {}, Reach reach = Reach::everywhere);

  /// Errors: those of base::open_for_reading; invalid_argument for a file beyond the reach.
  base::Fd open(const std::filesystem::path& name) const;
  std::filesystem::path path_of(const std::filesystem::path& name) const;

 private:
  bool lies_within(const std::filesystem::path& folder) const;

  std::filesystem::path folder_;
  mutable std::unordered_set<std::string> within_;  // folders that are known to lie below the root
  std::string prefix_;  // what the real path of everything below begins with; empty: anything
};

/// The bytes an element stands for: the contents of a FILE, decoded BINARY, the text itself, or 4 little-endian bytes
/// of an ASCII_INT or ASCII_FLOAT. Errors: name the manifest's line; not_found for a FILE that is not there.
std::string element_bytes(const Manifest& manifest, std::int64_t record, std::size_t column, const Root& root);

}  // namespace records
