#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

namespace base {
namespace {

constexpr std::size_t kDepthLimit = 64;

/// Builds the value from the parser's events. It exists because the library's own handler takes the library's doubles,
/// which are off by one unit in the last place for one number in eight; std::from_chars gives the right ones.
class Builder {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  json::value release() { return stack_.release(); }

  /// The key that its object has twice; empty when there was none.
  const std::optional<std::string>& repeated() const { return repeated_; }

  bool on_document_begin(json::error_code&) { return stack_.reset(), true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return keys_.emplace_back(), true; }
  bool on_object_end(std::size_t count, json::error_code&) {
    keys_.pop_back();
    return stack_.push_object(count), true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t count, json::error_code&) { return stack_.push_array(count), true; }
  bool on_key_part(json::string_view text, std::size_t, json::error_code&) {
    key_.append(text.data(), text.size());
    return stack_.push_chars(text), true;
  }
  bool on_key(json::string_view text, std::size_t, json::error_code& error) {
    stack_.push_key(text);
    key_.append(text.data(), text.size());
    if (keys_.back().insert(std::move(key_)).second) return key_.clear(), true;
    repeated_ = std::move(key_);
    error = json::error::exception;
    return false;
  }
  bool on_string_part(json::string_view text, std::size_t, json::error_code&) { return stack_.push_chars(text), true; }
  bool on_string(json::string_view text, std::size_t, json::error_code&) { return stack_.push_string(text), true; }
  bool on_number_part(json::string_view text, json::error_code&) {
    return number_.append(text.data(), text.size()), true;
  }
  bool on_int64(std::int64_t number, json::string_view, json::error_code&) {
    return number_.clear(), stack_.push_int64(number), true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
    return number_.clear(), stack_.push_uint64(number), true;
  }
  bool on_double(double number, json::string_view text, json::error_code&) {
    number_.append(text.data(), text.size());
    double exact = number;  // stays for what overflows or underflows
    std::from_chars(number_.data(), number_.data() + number_.size(), exact);
    number_.clear();
    return stack_.push_double(exact), true;
  }
  bool on_bool(bool value, json::error_code&) { return stack_.push_bool(value), true; }
  bool on_null(json::error_code&) { return stack_.push_null(), true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  json::value_stack stack_;
  std::string number_;
  std::string key_;
  // Of the objects that are open. Two readers could take different ones of two values for one key.
  std::vector<std::unordered_set<std::string>> keys_;
  std::optional<std::string> repeated_;
};

std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto start = before.rfind('\n');
  const auto column = start == std::string_view::npos ? offset + 1 : offset - start;
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace

json::value parse_json(std::string_view text, std::string_view what) {
  if (const std::size_t good = utf8_prefix(text); good < text.size())
    throw Error(Code::invalid_argument,
                fmt::format("{} is not UTF-8 text: a byte 0x{:02x} at {}", what, static_cast<unsigned char>(text[good]),
                            line_and_column(text, good)));
  json::parse_options options;
  options.max_depth = kDepthLimit;
  json::basic_parser<Builder> parser(options);
  json::error_code error;
  const std::size_t consumed = parser.write_some(false, text.data(), text.size(), error);
  if (!error && text.find_first_not_of(" \t\r\n", consumed) != std::string_view::npos) error = json::error::extra_data;
  if (const auto& key = parser.handler().repeated())
    throw Error(Code::invalid_argument, fmt::format("{} has '{}' twice in one object, at {}; leave one of them out",
                                                    what, cut_utf8(*key, 64), line_and_column(text, consumed)));
  if (error)
    throw Error(Code::invalid_argument,
                fmt::format("{} is not valid JSON: {} at {}", what, error.message(), line_and_column(text, consumed)));
  return parser.handler().release();
}

}  // namespace base
