#include "neon/yaml/scalar.h"

#include <charconv>

#include "base/error.h"

namespace neon {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t count_digits(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  return static_cast<std::size_t>(end - text.begin());
}

[[noreturn]] void out_of_range(std::string_view text) {
  throw base::Error(base::Code::invalid_argument, fmt::format("number {} is out of range", text.substr(0, 64)));
}

template <class Integer>
std::optional<base::json::value> integer_from(std::string_view digits, int base) {
  Integer number{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return base::json::value(number);
}

/// `unsigned_text` is the number without its sign.
base::json::value integer(std::string_view text, std::string_view unsigned_text, int base) {
  const bool negative = text.front() == '-';
  const std::string digits = (negative ? "-" : "") + std::string(unsigned_text);
  if (const auto number = integer_from<std::int64_t>(digits, base)) return *number;
  if (const auto number = negative ? std::nullopt : integer_from<std::uint64_t>(digits, base)) return *number;
  out_of_range(text);
}

/// [0-9]* [.[0-9]*] [e[+-][0-9]+] with a digit before the exponent.
bool is_decimal(std::string_view text) {
  std::size_t digits = count_digits(text);
  text.remove_prefix(digits);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::size_t more = count_digits(text);
    digits += more;
    text.remove_prefix(more);
  }
  if (digits == 0) return false;
  if (text.empty()) return true;
  if (text.front() != 'e' && text.front() != 'E') return false;
  text.remove_prefix(1);
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && count_digits(text) == text.size();
}

}  // namespace

base::json::value plain_scalar(std::string_view text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (is_one_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) return true;
  if (is_one_of(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})) return false;

  std::string_view number = text;
  if (number.starts_with('+') || number.starts_with('-')) number.remove_prefix(1);
  if (is_one_of(number, {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"}))
    throw base::Error(base::Code::invalid_argument, fmt::format("{} is not a finite number", text));
  const auto is_hex_digit = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
  if (number.starts_with("0x") && number.size() > 2 && std::all_of(number.begin() + 2, number.end(), is_hex_digit))
    return integer(text, number.substr(2), 16);
  const bool whole = !number.empty() && count_digits(number) == number.size();
  if (whole && number.size() > 1 && number.front() == '0') return base::json::value(text);  // octal or not?
  if (whole) return integer(text, number, 10);
  if (!is_decimal(number)) return base::json::value(text);

  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc::result_out_of_range) out_of_range(text);
  if (error != std::errc() || end != number.data() + number.size()) return base::json::value(text);
  return text.front() == '-' ? -value : value;
}

}  // namespace neon
