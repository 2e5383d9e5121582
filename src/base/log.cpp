#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/clock.h"

namespace base {
namespace {

LogLevel level_from_environment() {
  const char* text = std::getenv("NCLOUD_LOG");
  const std::string_view name = text == nullptr ? "" : text;
  if (name == "debug") return LogLevel::debug;
  if (name == "warning") return LogLevel::warning;
  if (name == "error") return LogLevel::error;
  return LogLevel::info;
}

std::atomic<LogLevel>& current_level() {
  static std::atomic<LogLevel> level{level_from_environment()};
  return level;
}

constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};

}  // namespace

void set_log_level(LogLevel level) { current_level() = level; }
bool logs(LogLevel level) { return level >= current_level().load(std::memory_order_relaxed); }

void log_line(LogLevel level, std::string_view message) {
  const std::string line =
      fmt::format("{} {:<7} {}\n", rfc3339(wall_now_us()), kNames[static_cast<int>(level)], printable(message));
  // One write per line, so that lines of several threads and processes do not mix.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out;
}

}  // namespace base
