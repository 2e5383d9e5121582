#include "records/manifest.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "base/fields.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"

namespace records {
namespace {

using base::Code;
using base::Error;

constexpr std::int64_t kMaxRecords = std::int64_t{1} << 31;

// Foreign text in an error: no control characters, not too long.
std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  return base::printable(text, kLongest) + (text.size() > kLongest ? "..." : "");
}

[[noreturn]] void fail(const std::filesystem::path& file, std::int64_t line, std::string_view message) {
  throw Error(Code::invalid_argument, fmt::format("{}:{}: {}", file.string(), line, message));
}

// Calls visit(field) for each TAB-separated field; empty fields count, also the last.
template <class Visit>
void split(std::string_view line, Visit&& visit) {
  for (;;) {
    const auto* tab = static_cast<const char*>(std::memchr(line.data(), '\t', line.size()));
    if (tab == nullptr) break;
    const auto length = static_cast<std::size_t>(tab - line.data());
    visit(line.substr(0, length));
    line.remove_prefix(length + 1);
  }
  visit(line);
}

std::vector<ElementType> parse_header(std::string_view line, const std::filesystem::path& file, std::int64_t number) {
  std::vector<ElementType> types;
  split(line.substr(1), [&](std::string_view name) {
    for (const auto& [type, text] : enumerators(ElementType{}))
      if (name == text) {
        types.push_back(type);
        return;
      }
    std::vector<std::string_view> known;
    for (const auto& [type, text] : enumerators(ElementType{})) known.push_back(text);
    if (name.find(',') != std::string_view::npos)
      fail(file, number, fmt::format("'{}' is no column type; columns are separated by TAB", shown(name)));
    fail(file, number, base::unknown_word("column type", shown(name), known));
  });
  if (types.size() > kMaxColumns)
    fail(file, number, fmt::format("{} columns; a manifest has at most {}", types.size(), kMaxColumns));
  return types;
}

}  // namespace

Manifest parse_manifest(std::string_view bytes, const std::filesystem::path& file) {
  Manifest manifest;
  manifest.file = file;
  const std::string_view text = base::text_of(bytes, file.string());
  if (text.empty())
    throw Error(Code::invalid_argument, fmt::format("{}: the manifest is empty; its first line names the column types, "
                                                    "such as '@FILE<TAB>STRING'",
                                                    file.string()));
  std::int64_t header_line = 0;
  base::for_each_line(text, [&](std::string_view line, std::int64_t number) {
    if (line.empty() || line[0] == '#') return;
    if (line[0] == '@') {
      if (header_line != 0)
        fail(file, number, fmt::format("a second header line; the first is on line {}", header_line));
      manifest.types = parse_header(line, file, number);
      header_line = number;
      return;
    }
    if (header_line == 0)
      fail(file, number,
           fmt::format("expected a header line with the column types, such as '@FILE<TAB>STRING', before "
                       "the first record, got '{}'",
                       shown(line)));
    const std::size_t before = manifest.elements.size();
    split(line, [&](std::string_view element) { manifest.elements.emplace_back(element); });
    const std::size_t columns = manifest.elements.size() - before;
    if (columns != manifest.types.size())
      fail(file, number,
           fmt::format("expected {} columns separated by tabs as in the header on line {}, got {}: '{}'",
                       manifest.types.size(), header_line, columns, shown(line)));
    manifest.line_numbers.push_back(number);
    if (manifest.record_count() > kMaxRecords)
      fail(file, number, fmt::format("more than {} records; split the manifest", kMaxRecords));
  });
  if (header_line == 0)
    throw Error(Code::invalid_argument, fmt::format("{}: no header line with the column types, such as "
                                                    "'@FILE<TAB>STRING', and no records",
                                                    file.string()));
  if (manifest.line_numbers.empty())
    throw Error(Code::invalid_argument, fmt::format("{}: the manifest has a header but no records", file.string()));
  return manifest;
}

Manifest read_manifest(const std::filesystem::path& file) {
  std::string text;
  try {
    text = base::read_file(file);
  } catch (Error& error) {
    error.message = fmt::format("manifest: {}", error.message);
    throw;
  }
  return parse_manifest(text, file);
}

std::string record_name(const Manifest& manifest, std::int64_t record) {
  const auto index = static_cast<std::size_t>(record);
  for (std::size_t column = 0; column < manifest.types.size(); ++column)
    if (manifest.types[column] == ElementType::FILE)
      return fmt::format("{} ({}:{})", manifest.element(record, column), manifest.file.filename().string(),
                         manifest.line_numbers[index]);
  return fmt::format("record {} ({}:{})", record + 1, manifest.file.filename().string(), manifest.line_numbers[index]);
}

}  // namespace records
