#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/clock.h"
#include "base/environment.h"
#include "base/utf8.h"

namespace base {
namespace {

LogLevel level_from_environment() {
  const char* text = environment("NCLOUD_LOG");
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

/// The code point at the start of `text` when it is a control that a terminal obeys although it is no single byte: C1
/// controls (U+0080 to U+009F) and the marks that change the direction of writing. Else 0.
std::uint32_t hidden_control(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f) return byte(1);
  if (byte(0) != 0xe2 || byte(2) < 0x80 || byte(2) > 0xbf) return 0;
  const std::uint32_t point = 0x2000 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  const bool turns = point == 0x200e || point == 0x200f || (point >= 0x202a && point <= 0x202e) ||
                     (point >= 0x2066 && point <= 0x2069);
  return turns ? point : 0;
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

std::string printable(std::string_view text, std::size_t limit) {
  text = cut_utf8(text, limit);
  std::string out;
  std::size_t good = utf8_prefix(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (i == good) {
      out += fmt::format("\\x{:02x}", byte);
      good = i + 1 + utf8_prefix(text.substr(i + 1));
    } else if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (const std::uint32_t hidden = hidden_control(text.substr(i)); hidden != 0) {
      out += fmt::format("\\u{:04x}", hidden);
      i += hidden < 0x800 ? 1 : 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t limit_bytes) {
  constexpr std::string_view kEllipsis = "…";
  if (text.size() <= limit_bytes) return std::string(text);
  std::size_t end = limit_bytes - std::min(limit_bytes, kEllipsis.size());
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // inside a character
  return std::string(text.substr(0, end)).append(kEllipsis);
}

}  // namespace base
