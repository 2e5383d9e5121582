#pragma once
// Described structs: a struct lists its fields once, and JSON and YAML decoding (with refusal of unknown keys),
// encoding, JSON Schema, command line flags and documentation tables all come from that list.
//
//   struct TrainOptions {
//     int epochs = 10;
//     std::optional<std::string> name;
//     static constexpr auto fields() {
//       return std::tuple(base::field("epochs", &TrainOptions::epochs, "passes over the data").at_least(1),
//                         base::field("name", &TrainOptions::name, "a name for people").flag('n'));
//     }
//   };
//
// The C++ default of a member is its documented default; a field without `.required()` may be left out.
// An enumeration is described by a function found beside it:
//
//   constexpr auto enumerators(State) { return std::array{std::pair{State::running, "running"}, ...}; }
//
// A type with its own grammar has `static T from_json(const json::value&, std::string_view where)`,
// `json::value to_json() const` and `static json::object schema()`.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/nearest.h"

namespace base {

/// One named member of a described struct.
template <class Struct, class Member>
struct Field {
  std::string_view name;
  Member Struct::* member;
  std::string_view doc;
  bool is_required = false;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool exclusive_minimum = false;
  char short_flag = 0;         ///< one-letter command line flag, 0 for none
  bool is_positional = false;  ///< a command line argument without a flag
  std::string_view example;

  constexpr Field required() const {
    Field f = *this;
    f.is_required = true;
    return f;
  }
  constexpr Field range(double low, double high) const {
    Field f = *this;
    f.minimum = low;
    f.maximum = high;
    return f;
  }
  constexpr Field at_least(double low) const {
    Field f = *this;
    f.minimum = low;
    return f;
  }
  constexpr Field positive() const {
    Field f = *this;
    f.minimum = 0;
    f.exclusive_minimum = true;
    return f;
  }
  constexpr Field flag(char letter) const {
    Field f = *this;
    f.short_flag = letter;
    return f;
  }
  constexpr Field positional() const {
    Field f = *this;
    f.is_positional = true;
    return f;
  }
  constexpr Field such_as(std::string_view text) const {
    Field f = *this;
    f.example = text;
    return f;
  }
};

template <class Struct, class Member>
constexpr Field<Struct, Member> field(std::string_view name, Member Struct::* member, std::string_view doc) {
  return {name, member, doc};
}

template <class T>
concept Described = requires { T::fields(); };

template <class T>
concept DescribedEnum = std::is_enum_v<T> && requires(T e) { enumerators(e); };

template <class T>
concept OwnGrammar = requires(const T& t, const json::value& v, std::string_view where) {
  { T::from_json(v, where) } -> std::same_as<T>;
  { t.to_json() } -> std::convertible_to<json::value>;
  { T::schema() } -> std::convertible_to<json::object>;
};

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_vector : std::false_type {};
template <class T, class A>
struct is_vector<std::vector<T, A>> : std::true_type {};
template <class T>
struct is_map : std::false_type {};
template <class T>
struct is_map<std::map<std::string, T>> : std::true_type {};
template <class T>
struct is_array : std::false_type {};
template <class T, std::size_t N>
struct is_array<std::array<T, N>> : std::true_type {};

/// The word for an enumerator.
template <DescribedEnum E>
constexpr std::string_view word(E value) {
  for (const auto& [enumerator, text] : enumerators(value))
    if (enumerator == value) return text;
  return "?";
}

/// Calls `visit(field)` for each field of T in order.
template <Described T, class Visit>
constexpr void for_each_field(Visit&& visit) {
  std::apply([&](const auto&... f) { (visit(f), ...); }, T::fields());
}

/// Names of all fields of T.
template <Described T>
std::vector<std::string_view> field_names() {
  std::vector<std::string_view> names;
  for_each_field<T>([&](const auto& f) { names.push_back(f.name); });
  return names;
}

std::string_view kind_word(const json::value& value);  // "a string", "a list", ...

[[noreturn]] void fail_expected(std::string_view expected, const json::value& came, std::string_view where);

/// Decodes a value. Errors: invalid_argument with `where` set to the JSON pointer of the value at fault.
/// Accepts what reads as the type without loss: 3.0 for an integer, 3 for a double; never a string for a number.
template <class T>
T decode(const json::value& value, std::string_view where = "");

template <class T>
json::value encode(const T& value);

/// JSON Schema (2020-12) of T, written in place.
template <class T>
json::object schema();

// ---- implementation ----

/// Errors: invalid_argument for a number outside the field's limits.
template <class FieldOfStruct, class Value>
void check_range(const FieldOfStruct& f, const Value& value, const std::string& where) {
  if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
    const auto number = static_cast<double>(value);
    const bool low = f.exclusive_minimum ? number <= f.minimum : number < f.minimum;
    if (!low && !(number > f.maximum) && !std::isnan(number)) return;
    std::string expected;
    if (f.maximum != std::numeric_limits<double>::infinity())
      expected =
          fmt::format("must be {} {} and at most {}", f.exclusive_minimum ? "over" : "at least", f.minimum, f.maximum);
    else if (f.exclusive_minimum)
      expected = f.minimum == 0 ? "must be positive" : fmt::format("must be over {}", f.minimum);
    else
      expected = fmt::format("must be at least {}", f.minimum);
    throw Error(Code::invalid_argument, fmt::format("{} {}, got {}", f.name, expected, value), where);
  }
}

template <Described T>
T decode_struct(const json::value& value, std::string_view where) {
  if (!value.is_object()) fail_expected("a mapping of names to values", value, where);
  const json::object& object = value.get_object();
  T result{};
  for (const auto& member : object) {
    bool known = false;
    for_each_field<T>([&](const auto& f) { known = known || f.name == std::string_view(member.key()); });
    if (!known) {
      const auto names = field_names<T>();
      throw Error(Code::invalid_argument, unknown_word("key", member.key(), names), pointer_to(where, member.key()));
    }
  }
  for_each_field<T>([&](const auto& f) {
    using Member = std::remove_cvref_t<decltype(result.*(f.member))>;
    const auto found = object.find(f.name);
    if (found == object.end()) {
      if (f.is_required)
        throw Error(Code::invalid_argument, fmt::format("'{}' is missing", f.name), std::string(where));
      return;
    }
    const std::string here = pointer_to(where, f.name);
    result.*(f.member) = decode<Member>(found->value(), here);
    if constexpr (is_optional<Member>::value) {
      if (result.*(f.member)) check_range(f, *(result.*(f.member)), here);
    } else {
      check_range(f, result.*(f.member), here);
    }
  });
  return result;
}

template <class T>
T decode_integer(const json::value& value, std::string_view where) {
  if (value.is_double()) {
    const double number = value.get_double();
    if (number == std::floor(number) && std::abs(number) < 9.0e15)
      return decode_integer<T>(json::value(static_cast<std::int64_t>(number)), where);
    fail_expected("a whole number", value, where);
  }
  if (!value.is_int64() && !value.is_uint64()) fail_expected("a whole number", value, where);
  json::error_code error;
  const T number = value.to_number<T>(error);
  if (error)
    fail_expected(
        fmt::format("a whole number from {} to {}", std::numeric_limits<T>::min(), std::numeric_limits<T>::max()),
        value, where);
  return number;
}

template <class T>
T decode(const json::value& value, std::string_view where) {
  if constexpr (is_optional<T>::value) {
    if (value.is_null()) return std::nullopt;
    return decode<typename T::value_type>(value, where);
  } else if constexpr (OwnGrammar<T>) {
    return T::from_json(value, where);
  } else if constexpr (std::is_same_v<T, json::value>) {
    return value;
  } else if constexpr (std::is_same_v<T, json::object>) {
    if (!value.is_object()) fail_expected("a mapping", value, where);
    return value.get_object();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_bool()) fail_expected("true or false", value, where);
    return value.get_bool();
  } else if constexpr (std::is_integral_v<T>) {
    return decode_integer<T>(value, where);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!value.is_number()) fail_expected("a number", value, where);
    return static_cast<T>(value.to_number<double>());
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!value.is_string()) fail_expected("a string", value, where);
    return std::string(value.get_string());
  } else if constexpr (DescribedEnum<T>) {
    std::vector<std::string_view> words;
    for (const auto& [enumerator, text] : enumerators(T{})) words.push_back(text);
    if (!value.is_string()) fail_expected(fmt::format("one of {}", fmt::join(words, ", ")), value, where);
    for (const auto& [enumerator, text] : enumerators(T{}))
      if (std::string_view(value.get_string()) == text) return enumerator;
    throw Error(Code::invalid_argument, unknown_word("value", value.get_string(), words), std::string(where));
  } else if constexpr (is_array<T>::value) {
    if (!value.is_array() || value.get_array().size() != std::tuple_size_v<T>)
      fail_expected(fmt::format("a list of {} values", std::tuple_size_v<T>), value, where);
    T result{};
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i] = decode<typename T::value_type>(value.get_array()[i], pointer_to(where, i));
    return result;
  } else if constexpr (is_vector<T>::value) {
    if (!value.is_array()) fail_expected("a list", value, where);
    T result;
    result.reserve(value.get_array().size());
    std::size_t i = 0;
    for (const json::value& item : value.get_array())
      result.push_back(decode<typename T::value_type>(item, pointer_to(where, i++)));
    return result;
  } else if constexpr (is_map<T>::value) {
    if (!value.is_object()) fail_expected("a mapping", value, where);
    T result;
    for (const auto& member : value.get_object())
      result[std::string(member.key())] =
          decode<typename T::mapped_type>(member.value(), pointer_to(where, member.key()));
    return result;
  } else {
    static_assert(Described<T>, "describe this type with fields()");
    return decode_struct<T>(value, where);
  }
}

template <class T>
json::value encode(const T& value) {
  if constexpr (is_optional<T>::value) {
    return value ? encode(*value) : json::value(nullptr);
  } else if constexpr (OwnGrammar<T>) {
    return value.to_json();
  } else if constexpr (std::is_same_v<T, json::value> || std::is_same_v<T, json::object>) {
    return value;
  } else if constexpr (DescribedEnum<T>) {
    return json::value(word(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    return json::value(value);
  } else if constexpr (std::is_convertible_v<T, std::string_view>) {
    return json::value(std::string_view(value));
  } else if constexpr (is_vector<T>::value || is_array<T>::value) {
    json::array array;
    for (const auto& item : value) array.push_back(encode<typename T::value_type>(item));
    return array;
  } else if constexpr (is_map<T>::value) {
    json::object object;
    for (const auto& [key, item] : value) object[key] = encode(item);
    return object;
  } else {
    static_assert(Described<T>, "describe this type with fields()");
    json::object object;
    for_each_field<T>([&](const auto& f) {
      const auto& member = value.*(f.member);
      using Member = std::remove_cvref_t<decltype(member)>;
      if constexpr (is_optional<Member>::value) {
        if (!member) return;  // an absent optional is left out
      }
      object[f.name] = encode(member);
    });
    return object;
  }
}

template <class T>
json::object schema() {
  if constexpr (is_optional<T>::value) {
    return schema<typename T::value_type>();
  } else if constexpr (OwnGrammar<T>) {
    return T::schema();
  } else if constexpr (std::is_same_v<T, json::value>) {
    return {};
  } else if constexpr (std::is_same_v<T, json::object>) {
    return {{"type", "object"}};
  } else if constexpr (std::is_same_v<T, bool>) {
    return {{"type", "boolean"}};
  } else if constexpr (std::is_integral_v<T>) {
    return {{"type", "integer"}};
  } else if constexpr (std::is_floating_point_v<T>) {
    return {{"type", "number"}};
  } else if constexpr (DescribedEnum<T>) {
    json::array words;
    for (const auto& [enumerator, text] : enumerators(T{})) words.push_back(json::value(std::string_view(text)));
    return {{"type", "string"}, {"enum", words}};
  } else if constexpr (std::is_convertible_v<T, std::string_view>) {
    return {{"type", "string"}};
  } else if constexpr (is_array<T>::value) {
    return {{"type", "array"},
            {"items", schema<typename T::value_type>()},
            {"minItems", std::tuple_size_v<T>},
            {"maxItems", std::tuple_size_v<T>}};
  } else if constexpr (is_vector<T>::value) {
    return {{"type", "array"}, {"items", schema<typename T::value_type>()}};
  } else if constexpr (is_map<T>::value) {
    return {{"type", "object"}, {"additionalProperties", schema<typename T::mapped_type>()}};
  } else {
    static_assert(Described<T>, "describe this type with fields()");
    json::object properties;
    json::array required;
    const T defaults{};
    for_each_field<T>([&](const auto& f) {
      using Member = std::remove_cvref_t<decltype(defaults.*(f.member))>;
      json::object property = schema<Member>();
      property["description"] = f.doc;
      if (f.minimum != -std::numeric_limits<double>::infinity())
        property[f.exclusive_minimum ? "exclusiveMinimum" : "minimum"] = f.minimum;
      if (f.maximum != std::numeric_limits<double>::infinity()) property["maximum"] = f.maximum;
      if (f.is_required)
        required.push_back(json::value(f.name));
      else if constexpr (!is_optional<Member>::value && !Described<Member>)
        property["default"] = encode(defaults.*(f.member));
      if (!f.example.empty()) property["examples"] = json::array{json::value(f.example)};
      properties[f.name] = property;
    });
    json::object result{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
    if (!required.empty()) result["required"] = required;
    return result;
  }
}

}  // namespace base
