#pragma once
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

namespace base {

/// What people wrote, on whatever system, as text: all programs read manifests, labels and model files with these, so
/// that a file means the same everywhere or is refused everywhere.
///
/// UTF-8, without the mark that editors of some systems begin files with. `name` is the file's, for errors.
/// Errors: invalid_argument for another encoding and for what is no text, naming line and remedy.
std::string_view text_of(std::string_view bytes, std::string_view name);

/// Reads a file as text_of(). Errors: also those of read_file().
std::string read_text(const std::filesystem::path& file, std::size_t limit_bytes);

/// Calls visit(line, number) for each line, from 1, without its line feed, or carriage return and line feed; the last
/// line may end without.
template <class Visit>
void for_each_line(std::string_view text, Visit&& visit) {
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const auto* feed = static_cast<const char*>(std::memchr(text.data(), '\n', text.size()));
    std::string_view line =
        text.substr(0, feed == nullptr ? text.size() : static_cast<std::size_t>(feed - text.data()));
    text.remove_prefix(feed == nullptr ? text.size() : line.size() + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    visit(line, number);
  }
}

}  // namespace base
