#include "base/fields.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <mutex>
#include <regex>

#include "base/log.h"
#include "base/utf8.h"

namespace base {
namespace {

/// What a sentence calls a place: its last name; for an element of a list the list's, too, as in "labels/0".
std::string_view name_of(std::string_view where) {
  auto slash = where.rfind('/');
  if (slash == std::string_view::npos) return where;
  if (slash > 0 && where.find_first_not_of("0123456789", slash + 1) == std::string_view::npos)
    slash = where.rfind('/', slash - 1);
  return slash == std::string_view::npos ? where : where.substr(slash + 1);
}

}  // namespace

std::string_view kind_word(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "nothing";
    case json::kind::bool_: return "true or false";
    case json::kind::int64:
    case json::kind::uint64: return "a whole number";
    case json::kind::double_: return "a number";
    case json::kind::string: return "a string";
    case json::kind::array: return "a list";
    case json::kind::object: return "a mapping";
  }
  return "a value";
}

void fail_expected(std::string_view expected, const json::value& came, std::string_view where) {
  std::string shown = to_text(came);
  if (shown.size() > 60) shown = std::string(cut_utf8(shown, 57)) + "...";
  const std::string_view name = name_of(where);
  throw Error(
      Code::invalid_argument,
      fmt::format("{}{}expected {}, got {} ({})", name, name.empty() ? "" : ": ", expected, shown, kind_word(came)),
      std::string(where));
}

std::vector<std::string_view> names_of(std::span<const Field> fields) {
  std::vector<std::string_view> names;
  for (const Field& f : fields) names.push_back(f.name);
  return names;
}

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void* at(void* object, const Field& f) { return static_cast<std::byte*>(object) + f.offset; }
const void* at(const void* object, const Field& f) { return static_cast<const std::byte*>(object) + f.offset; }

bool is_absent(const Field& f, const void* member) { return f.type->is_absent != nullptr && f.type->is_absent(member); }

std::string whole(std::string_view pattern, bool may_be_empty) {
  return fmt::format("^({}){}$", pattern, may_be_empty ? "?" : "");
}

/// Each pattern is compiled once: all are constants of the program.
const std::regex& compiled(std::string_view pattern) {
  static std::mutex mutex;
  static std::map<std::string_view, std::regex> known;
  const std::lock_guard lock(mutex);
  auto found = known.find(pattern);
  if (found == known.end()) found = known.emplace(pattern, std::regex(whole(pattern, false))).first;
  return found->second;
}

std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void check_texts(const Field& f, const void* member, const std::string& where) {
  std::size_t i = 0;
  for (const std::string& text : f.type->texts(member)) {
    if (!f.may_be_empty || !text.empty())
      check_text(*f.form, text, f.type->count == nullptr ? where : pointer_to(where, i));
    ++i;
  }
}

void check_count(const Field& f, const void* member, const std::string& where) {
  const std::size_t count = f.type->count(member);
  if (count < f.least)
    throw Error(Code::invalid_argument, fmt::format("{} needs at least {}, got {}", f.name, f.least, count), where);
  if (count > f.most)
    throw Error(Code::too_large, fmt::format("{} may have at most {}, got {}", f.name, f.most, count), where);
}

/// Errors: invalid_argument for what is outside the field's limits, too_large for a list that is too long.
void check_limits(const Field& f, const void* member, const std::string& where) {
  if (is_absent(f, member)) return;
  if (f.form != nullptr && f.type->texts != nullptr) check_texts(f, member, where);
  if (f.type->count != nullptr) check_count(f, member, where);
  if (f.type->number == nullptr) return;
  const double number = f.type->number(member);
  const bool low = f.exclusive_minimum ? number <= f.minimum : number < f.minimum;
  if (!low && !(number > f.maximum) && !std::isnan(number)) return;
  std::string expected;
  if (f.maximum != kInfinity)
    expected =
        fmt::format("must be {} {} and at most {}", f.exclusive_minimum ? "over" : "at least", f.minimum, f.maximum);
  else if (f.exclusive_minimum)
    expected = f.minimum == 0 ? "must be positive" : fmt::format("must be over {}", f.minimum);
  else
    expected = fmt::format("must be at least {}", f.minimum);
  throw Error(Code::invalid_argument, fmt::format("{} {}, got {}", f.name, expected, f.type->number_text(member)),
              where);
}

template <class T>
[[noreturn]] void fail_range(T low, T high, const json::value& value, std::string_view where) {
  fail_expected(fmt::format("a whole number from {} to {}", low, high), value, where);
}

/// 3.0 as 3, where nothing is lost by that.
std::optional<json::value> as_integer(const json::value& value) {
  if (value.is_int64() || value.is_uint64()) return value;
  if (!value.is_double()) return {};
  const double number = value.get_double();
  if (number != std::floor(number) || std::abs(number) >= 9.0e15) return {};
  return json::value(static_cast<std::int64_t>(number));
}

}  // namespace

void decode_fields(std::span<const Field> fields, void* into, const json::value& value, std::string_view where) {
  if (!value.is_object()) fail_expected("a mapping of names to values", value, where);
  const json::object& object = value.get_object();
  for (const auto& member : object) {
    const auto is_named = [&](const Field& f) { return f.name == std::string_view(member.key()); };
    if (std::ranges::none_of(fields, is_named))
      throw Error(Code::invalid_argument, unknown_word("key", member.key(), names_of(fields)),
                  pointer_to(where, member.key()));
  }
  for (const Field& f : fields) {
    const auto found = object.find(f.name);
    if (found == object.end()) {
      if (f.is_required)
        throw Error(Code::invalid_argument, fmt::format("'{}' is missing", f.name), std::string(where));
      continue;
    }
    const std::string here = pointer_to(where, f.name);
    f.type->decode(at(into, f), found->value(), here);
    check_limits(f, at(into, f), here);
  }
}

json::object encode_fields(std::span<const Field> fields, const void* from) {
  json::object object;
  for (const Field& f : fields)
    if (const void* member = at(from, f); !is_absent(f, member)) object[f.name] = f.type->encode(member);
  return object;
}

json::object schema_of_fields(std::span<const Field> fields, const void* defaults) {
  json::object properties;
  json::array required;
  for (const Field& f : fields) {
    json::object property = f.type->schema();
    property["description"] = f.doc;
    if (f.minimum != -kInfinity) property[f.exclusive_minimum ? "exclusiveMinimum" : "minimum"] = f.minimum;
    if (f.maximum != kInfinity) property["maximum"] = f.maximum;
    if (f.form != nullptr) {
      json::object& of_text = property.contains("items") ? property["items"].as_object() : property;
      for (const auto& bound : schema_of_text(*f.form, f.may_be_empty)) of_text[bound.key()] = bound.value();
    }
    if (f.least > 0) property["minItems"] = f.least;
    if (f.most != std::numeric_limits<std::size_t>::max()) property["maxItems"] = f.most;
    if (f.is_required)
      required.push_back(json::value(f.name));
    else if (f.type->is_absent == nullptr && !f.type->is_described)
      property["default"] = f.type->encode(at(defaults, f));
    if (!f.example.empty()) property["examples"] = json::array{json::value(f.example)};
    properties[f.name] = property;
  }
  json::object result{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) result["required"] = required;
  return result;
}

std::size_t decode_word(std::span<const std::string_view> words, const json::value& value, std::string_view where) {
  if (!value.is_string()) fail_expected(fmt::format("one of {}", fmt::join(words, ", ")), value, where);
  for (std::size_t i = 0; i < words.size(); ++i)
    if (std::string_view(value.get_string()) == words[i]) return i;
  throw Error(Code::invalid_argument, unknown_word("value", value.get_string(), words), std::string(where));
}

json::object schema_of_words(std::span<const std::string_view> words) {
  json::array list;
  for (const std::string_view word : words) list.push_back(json::value(word));
  return {{"type", "string"}, {"enum", list}};
}

std::int64_t decode_integer(const json::value& value, std::int64_t low, std::int64_t high, std::string_view where) {
  const std::optional<json::value> number = as_integer(value);
  if (!number) fail_expected("a whole number", value, where);
  if (!number->is_int64() || number->get_int64() < low || number->get_int64() > high)
    fail_range(low, high, value, where);
  return number->get_int64();
}

std::uint64_t decode_unsigned(const json::value& value, std::uint64_t high, std::string_view where) {
  const std::optional<json::value> number = as_integer(value);
  if (!number) fail_expected("a whole number", value, where);
  if (number->is_int64() && number->get_int64() < 0) fail_range<std::uint64_t>(0, high, value, where);
  const auto result = number->is_uint64() ? number->get_uint64() : static_cast<std::uint64_t>(number->get_int64());
  if (result > high) fail_range<std::uint64_t>(0, high, value, where);
  return result;
}

double decode_number(const json::value& value, std::string_view where) {
  if (!value.is_number()) fail_expected("a number", value, where);
  return value.to_number<double>();
}

bool decode_bool(const json::value& value, std::string_view where) {
  if (!value.is_bool()) fail_expected("true or false", value, where);
  return value.get_bool();
}

std::string decode_string(const json::value& value, std::string_view where) {
  if (!value.is_string()) fail_expected("a string", value, where);
  return std::string(value.get_string());
}

void check_text(const TextForm& form, std::string_view text, std::string_view where) {
  const std::size_t size = characters_of(text);
  if (size >= form.shortest && size <= form.longest &&
      (form.pattern.empty() || std::regex_match(text.begin(), text.end(), compiled(form.pattern))))
    return;
  const std::string_view name = name_of(where);
  throw Error(
      Code::invalid_argument,
      fmt::format("{}{}expected {}, got '{}{}'{}", name, name.empty() ? "" : ": ", form.said, printable(text, 80),
                  text.size() > 80 ? "..." : "", size > form.longest ? fmt::format(" of {} characters", size) : ""),
      std::string(where));
}

const json::object& expect_object(const json::value& value, std::string_view where) {
  if (!value.is_object()) fail_expected("a mapping", value, where);
  return value.get_object();
}

const json::array& expect_array(const json::value& value, std::string_view where) {
  if (!value.is_array()) fail_expected("a list", value, where);
  return value.get_array();
}

const json::array& expect_array(const json::value& value, std::size_t size, std::string_view where) {
  if (!value.is_array() || value.get_array().size() != size)
    fail_expected(fmt::format("a list of {} values", size), value, where);
  return value.get_array();
}

json::object titled(std::string title, json::object schema) {
  schema["title"] = std::move(title);
  return schema;
}

json::object schema_of_type(std::string_view type) { return {{"type", type}}; }

json::object schema_of_text(const TextForm& form, bool may_be_empty) {
  json::object result = schema_of_type("string");
  if (const std::size_t shortest = may_be_empty ? 0 : form.shortest; shortest > 0) result["minLength"] = shortest;
  result["maxLength"] = form.longest;
  if (!form.pattern.empty()) result["pattern"] = whole(form.pattern, may_be_empty);
  return result;
}

json::object schema_of_list(json::object items, std::optional<std::size_t> size) {
  json::object result{{"type", "array"}, {"items", std::move(items)}};
  if (size) result["minItems"] = result["maxItems"] = *size;
  return result;
}

json::object schema_of_map(json::object values) {
  return {{"type", "object"}, {"additionalProperties", std::move(values)}};
}

std::string text_of(double value) { return fmt::format("{}", value); }
std::string text_of(float value) { return fmt::format("{}", value); }

template struct ValueTypeOf<bool>;
template struct ValueTypeOf<int>;
template struct ValueTypeOf<std::int64_t>;
template struct ValueTypeOf<std::uint64_t>;
template struct ValueTypeOf<float>;
template struct ValueTypeOf<double>;
template struct ValueTypeOf<std::string>;
template struct ValueTypeOf<json::value>;
template struct ValueTypeOf<json::object>;
template struct ValueTypeOf<std::optional<bool>>;
template struct ValueTypeOf<std::optional<int>>;
template struct ValueTypeOf<std::optional<std::int64_t>>;
template struct ValueTypeOf<std::optional<double>>;
template struct ValueTypeOf<std::optional<std::string>>;
template struct ValueTypeOf<std::vector<std::int64_t>>;
template struct ValueTypeOf<std::vector<double>>;
template struct ValueTypeOf<std::vector<std::string>>;

}  // namespace base
