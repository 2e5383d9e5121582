#pragma once
#include <fmt/format.h>

#include <string_view>

namespace base {

enum class LogLevel { debug, info, warning, error };

/// Lines below this level are dropped. Default: info, or $NCLOUD_LOG (debug, info, warning, error).
void set_log_level(LogLevel level);
bool logs(LogLevel level);

/// One line to standard error: "2026-01-31T12:00:00.123Z info  message". Control characters are escaped.
/// Threads: any.
void log_line(LogLevel level, std::string_view message);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (logs(LogLevel::debug)) log_line(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (logs(LogLevel::info)) log_line(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  if (logs(LogLevel::warning)) log_line(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  if (logs(LogLevel::error)) log_line(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

/// `text`, or as much of it as fits into `limit_bytes` with an ellipsis behind it; cut between two characters.
std::string shortened(std::string_view text, std::size_t limit_bytes);

/// `text` with control characters (also ANSI escapes) made visible, for showing foreign text on a terminal.
std::string printable(std::string_view text, std::size_t limit = std::string_view::npos);

}  // namespace base
