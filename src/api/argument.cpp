#include "api/argument.h"

#include <charconv>

namespace api {

using base::Code;
using base::Error;
namespace json = base::json;

namespace {

template <class T>
bool parse_whole(std::string_view text, T& number) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  return result.ec == std::errc() && result.ptr == text.data() + text.size() && !text.empty();
}

[[noreturn]] void fail_text(std::string_view name, std::string_view expected, std::string_view text) {
  throw Error(Code::invalid_argument, fmt::format("{}: expected {}, got '{}'", name, expected, text),
              base::pointer_to("", name));
}

}  // namespace

bool Argument::is_flag() const {
  const json::value* type = schema.if_contains("type");
  return type != nullptr && *type == "boolean";
}

bool Argument::is_on() const {
  const json::value* value = schema.if_contains("default");
  return value != nullptr && *value == true;
}

json::value value_from_text(std::string_view name, const json::object& schema, std::string_view text) {
  const json::value* type = schema.if_contains("type");
  const std::string_view word = type != nullptr && type->is_string() ? std::string_view(type->get_string()) : "";
  if (word == "integer") {
    if (std::int64_t number; parse_whole(text, number)) return number;
    if (std::uint64_t number; parse_whole(text, number)) return number;
    fail_text(name, "a whole number", text);
  }
  if (word == "number") {
    if (double number; parse_whole(text, number)) return number;
    fail_text(name, "a number", text);
  }
  if (word == "boolean") {
    if (text == "true" || text == "1" || text.empty()) return true;
    if (text == "false" || text == "0") return false;
    fail_text(name, "true or false", text);
  }
  if (word == "object") return base::parse_json(text, name);
  return json::value(text);
}

}  // namespace api
