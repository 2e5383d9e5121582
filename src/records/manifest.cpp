#include "records/manifest.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "base/fields.h"
#include "base/files.h"
#include "base/log.h"

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

Manifest parse_manifest(std::string_view text, const std::filesystem::path& file) {
  Manifest manifest;
  manifest.file = file;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // editors of some systems begin files with a mark
  if (text.empty())
    throw Error(Code::invalid_argument, fmt::format("{}: the manifest is empty; its first line names the column types, "
                                                    "such as '@FILE<TAB>STRING'",
                                                    file.string()));
  std::int64_t number = 0, header_line = 0;
  while (!text.empty()) {
    ++number;
    const auto* newline = static_cast<const char*>(std::memchr(text.data(), '\n', text.size()));
    const std::size_t length = newline == nullptr ? text.size() : static_cast<std::size_t>(newline - text.data());
    std::string_view line = text.substr(0, length);
    text.remove_prefix(newline == nullptr ? length : length + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line[0] == '#') continue;
    if (std::memchr(line.data(), '\0', line.size()) != nullptr)
      fail(file, number, "a NUL byte; a manifest is text (is this another kind of file?)");
    if (line[0] == '@') {
      if (header_line != 0)
        fail(file, number, fmt::format("a second header line; the first is on line {}", header_line));
      manifest.types = parse_header(line, file, number);
      header_line = number;
      continue;
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
  }
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
