#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/utf8.h"

namespace base {

std::string_view text_of(std::string_view bytes, std::string_view name) {
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF"))
    throw Error(Code::invalid_argument, fmt::format("{}: text in UTF-16; save it as UTF-8", name));
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  const std::size_t bad = std::min(utf8_prefix(bytes), bytes.find('\0'));
  if (bad >= bytes.size()) return bytes;
  const auto line = std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bad), '\n') + 1;
  if (bytes[bad] == '\0')
    throw Error(Code::invalid_argument,
                fmt::format("{}:{}: a NUL byte; expected text in UTF-8 (is this another kind of file?)", name, line));
  throw Error(Code::invalid_argument, fmt::format("{}:{}: byte 0x{:02X} is not UTF-8; save the file as UTF-8", name,
                                                  line, static_cast<unsigned char>(bytes[bad])));
}

std::string read_text(const std::filesystem::path& file, std::size_t limit_bytes) {
  std::string bytes = read_file(file, limit_bytes);
  const std::string_view text = text_of(bytes, file.string());
  if (text.size() != bytes.size()) bytes.erase(0, bytes.size() - text.size());
  return bytes;
}

}  // namespace base
