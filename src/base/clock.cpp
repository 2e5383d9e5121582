#include "base/clock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <iterator>

#include "base/error.h"

namespace base {
namespace {

template <class Clock>
std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
}

}  // namespace

std::int64_t wall_now_us() { return now_us<std::chrono::system_clock>(); }
std::int64_t steady_now_us() { return now_us<std::chrono::steady_clock>(); }

std::string rfc3339(std::int64_t wall_us) {
  const std::time_t seconds = wall_us / 1'000'000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), wall_us / 1000 % 1000);
}

std::string duration_text(double seconds) {
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string size_text(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = bytes;
  std::size_t unit = 0;
  for (; amount >= 1023.5 && unit + 1 < std::size(kUnits); ++unit) amount /= 1024;
  const std::string text = fmt::format("{:.4g} {}", amount, kUnits[unit]);
  if (bytes < 1e6 || std::fmod(bytes, 1 << 20) == 0) return text;
  const double given = bytes >= 1e9 ? bytes / 1e9 : bytes / 1e6;
  if (std::fmod(given * 100, 1) != 0 || given >= 1000 || fmt::format("{:g}", given).size() > 4) return text;
  return fmt::format("{:g} {} ({})", given, bytes >= 1e9 ? "GB" : "MB", text);
}

std::int64_t parse_size(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  constexpr std::pair<std::string_view, double> kUnits[] = {{"", 1},
                                                            {"B", 1},
                                                            {"kB", 1e3},
                                                            {"KB", 1e3},
                                                            {"MB", 1e6},
                                                            {"GB", 1e9},
                                                            {"TB", 1e12},
                                                            {"KiB", 1024},
                                                            {"MiB", 1048576},
                                                            {"GiB", 1073741824.0},
                                                            {"TiB", 1099511627776.0}};
  if (error == std::errc{})
    for (const auto& [name, factor] : kUnits)
      if (unit == name && number >= 0 && number * factor < 9e18) return static_cast<std::int64_t>(number * factor);
  throw Error(Code::invalid_argument, fmt::format("'{}' is no size; write it like 512MB or 4GiB", text));
}

}  // namespace base
