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
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/type_name.h"

namespace base {

/// What code that has never seen a type does with its values: one table per type. Structs are read and written through
/// it, so that what each struct adds to a program is a list of fields and not code of its own.
struct ValueType {
  void (*decode)(void* into, const json::value& value, std::string_view where) = nullptr;
  json::value (*encode)(const void* value) = nullptr;
  json::object (*schema)() = nullptr;
  bool is_described = false;

  // Null for types that have none of it.
  bool (*is_absent)(const void* value) = nullptr;  ///< of an optional; what follows is asked when it is there
  double (*number)(const void* value) = nullptr;
  std::string (*number_text)(const void* value) = nullptr;
  std::span<const std::string> (*texts)(const void* value) = nullptr;  ///< the one, or those of a list
  std::size_t (*count)(const void* value) = nullptr;                   ///< of a list
};

template <class T>
struct ValueTypeOf {
  static const ValueType value;
};

/// How a text must look, said once for those who read it (schemas, documents) and held where it is decoded.
struct TextForm {
  std::string_view said;                  ///< what is expected, for messages: "a SHA-256: 64 lower-case hex digits"
  std::size_t shortest = 0, longest = 0;  ///< characters
  std::string_view pattern = {};          ///< an ECMA-262 expression for all of the text; empty: any text
};

/// One named member of a described struct.
struct Field {
  std::string_view name;
  std::string_view doc;
  const ValueType* type;
  std::ptrdiff_t offset;  ///< of the member in its struct
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool exclusive_minimum = false;
  bool is_required = false;
  bool is_positional = false;  ///< a command line argument without a flag
  char short_flag = 0;         ///< one-letter command line flag, 0 for none
  std::string_view example;
  const TextForm* form = nullptr;  ///< of a text, or of each text in a list
  bool may_be_empty = false;       ///< a text that says nothing need not have the form
  std::size_t least = 0;           ///< items of a list
  std::size_t most = std::numeric_limits<std::size_t>::max();

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
  constexpr Field like(const TextForm& text_form) const {
    Field f = *this;
    f.form = &text_form;
    return f;
  }
  constexpr Field empty_or_like(const TextForm& text_form) const {
    Field f = like(text_form);
    f.may_be_empty = true;
    return f;
  }
  constexpr Field items(std::size_t low, std::size_t high) const {
    Field f = *this;
    f.least = low;
    f.most = high;
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
constexpr Field field(std::string_view name, Member Struct::* member, std::string_view doc) {
  // How the C++ ABI of all compilers here writes a pointer to a data member down: its distance from the start.
  static_assert(sizeof(member) == sizeof(std::ptrdiff_t));
  return {name, doc, &ValueTypeOf<Member>::value, __builtin_bit_cast(std::ptrdiff_t, member)};
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

/// The fields of T in order.
template <Described T>
std::span<const Field> fields_of() {
  static const auto list =
      std::apply([](const auto&... f) { return std::array<Field, sizeof...(f)>{f...}; }, T::fields());
  return list;
}

/// Calls `visit(field)` for each field of T in order.
template <Described T, class Visit>
void for_each_field(Visit&& visit) {
  for (const Field& f : fields_of<T>()) visit(f);
}

std::vector<std::string_view> names_of(std::span<const Field> fields);

/// Names of all fields of T.
template <Described T>
std::vector<std::string_view> field_names() {
  return names_of(fields_of<T>());
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

void decode_fields(std::span<const Field> fields, void* into, const json::value& value, std::string_view where);
json::object encode_fields(std::span<const Field> fields, const void* from);
json::object schema_of_fields(std::span<const Field> fields, const void* defaults);

/// The number of the word that `value` is. Errors: invalid_argument naming the nearest.
std::size_t decode_word(std::span<const std::string_view> words, const json::value& value, std::string_view where);
json::object schema_of_words(std::span<const std::string_view> words);

std::int64_t decode_integer(const json::value& value, std::int64_t low, std::int64_t high, std::string_view where);
std::uint64_t decode_unsigned(const json::value& value, std::uint64_t high, std::string_view where);
double decode_number(const json::value& value, std::string_view where);
bool decode_bool(const json::value& value, std::string_view where);
std::string decode_string(const json::value& value, std::string_view where);
/// Errors: invalid_argument when `text` has not the form.
void check_text(const TextForm& form, std::string_view text, std::string_view where);
const json::object& expect_object(const json::value& value, std::string_view where);
const json::array& expect_array(const json::value& value, std::string_view where);
const json::array& expect_array(const json::value& value, std::size_t size, std::string_view where);
json::object schema_of_type(std::string_view type);
json::object schema_of_text(const TextForm& form, bool may_be_empty = false);
json::object titled(std::string title, json::object schema);  ///< with the type's name, which OpenAPI's clients get
json::object schema_of_list(json::object items, std::optional<std::size_t> size = {});
json::object schema_of_map(json::object values);
std::string text_of(double value);
std::string text_of(float value);

template <DescribedEnum E>
std::span<const std::string_view> words_of() {
  static constexpr auto words = [] {
    constexpr auto all = enumerators(E{});
    std::array<std::string_view, all.size()> result;
    for (std::size_t i = 0; i < all.size(); ++i) result[i] = all[i].second;
    return result;
  }();
  return words;
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
    return decode_bool(value, where);
  } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    using Limits = std::numeric_limits<T>;
    return static_cast<T>(decode_integer(value, Limits::min(), Limits::max(), where));
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(decode_unsigned(value, std::numeric_limits<T>::max(), where));
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(decode_number(value, where));
  } else if constexpr (std::is_same_v<T, std::string>) {
    return decode_string(value, where);
  } else if constexpr (DescribedEnum<T>) {
    static constexpr auto all = enumerators(T{});
    return all[decode_word(words_of<T>(), value, where)].first;
  } else if constexpr (is_array<T>::value) {
    T result{};
    const json::array& list = expect_array(value, result.size(), where);
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i] = decode<typename T::value_type>(list[i], pointer_to(where, i));
    return result;
  } else if constexpr (is_vector<T>::value) {
    const json::array& list = expect_array(value, where);
    T result;
    result.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i)
      result.push_back(decode<typename T::value_type>(list[i], pointer_to(where, i)));
    return result;
  } else if constexpr (is_map<T>::value) {
    T result;
    for (const auto& member : expect_object(value, where))
      result[std::string(member.key())] =
          decode<typename T::mapped_type>(member.value(), pointer_to(where, member.key()));
    return result;
  } else {
    static_assert(Described<T>, "describe this type with fields()");
    T result{};
    decode_fields(fields_of<T>(), &result, value, where);
    return result;
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
    return encode_fields(fields_of<T>(), &value);
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
    return schema_of_type("object");
  } else if constexpr (std::is_same_v<T, bool>) {
    return schema_of_type("boolean");
  } else if constexpr (std::is_integral_v<T>) {
    json::object integer = schema_of_type("integer");
    if (std::is_unsigned_v<T>) integer["minimum"] = 0;
    return integer;
  } else if constexpr (std::is_floating_point_v<T>) {
    return schema_of_type("number");
  } else if constexpr (DescribedEnum<T>) {
    return titled(type_name<T>(), schema_of_words(words_of<T>()));
  } else if constexpr (std::is_convertible_v<T, std::string_view>) {
    return schema_of_type("string");
  } else if constexpr (is_array<T>::value) {
    return schema_of_list(schema<typename T::value_type>(), std::tuple_size_v<T>);
  } else if constexpr (is_vector<T>::value) {
    return schema_of_list(schema<typename T::value_type>());
  } else if constexpr (is_map<T>::value) {
    return schema_of_map(schema<typename T::mapped_type>());
  } else {
    static_assert(Described<T>, "describe this type with fields()");
    const T defaults{};
    return titled(type_name<T>(), schema_of_fields(fields_of<T>(), &defaults));
  }
}

template <class T>
constexpr bool is_number = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

template <class T>
std::string text_of_number(T value) {
  if constexpr (std::is_integral_v<T>)
    return std::to_string(value);
  else
    return text_of(value);
}

template <class T>
constexpr ValueType value_type() {
  ValueType type{.decode = [](void* into, const json::value& value,
                              std::string_view where) { *static_cast<T*>(into) = base::decode<T>(value, where); },
                 .encode = [](const void* value) { return base::encode(*static_cast<const T*>(value)); },
                 .schema = [] { return base::schema<T>(); },
                 .is_described = Described<T>};
  if constexpr (std::is_same_v<T, std::string>)
    type.texts = [](const void* value) { return std::span(static_cast<const std::string*>(value), 1); };
  if constexpr (std::is_same_v<T, std::optional<std::string>>)
    type.texts = [](const void* value) { return std::span(&**static_cast<const T*>(value), 1); };
  if constexpr (std::is_same_v<T, std::vector<std::string>>)
    type.texts = [](const void* value) { return std::span(*static_cast<const T*>(value)); };
  if constexpr (is_vector<T>::value)
    type.count = [](const void* value) { return static_cast<const T*>(value)->size(); };
  if constexpr (is_optional<T>::value) {
    type.is_absent = [](const void* value) { return !static_cast<const T*>(value)->has_value(); };
    if constexpr (is_number<typename T::value_type>) {
      type.number = [](const void* value) { return static_cast<double>(**static_cast<const T*>(value)); };
      type.number_text = [](const void* value) { return text_of_number(**static_cast<const T*>(value)); };
    }
  } else if constexpr (is_number<T>) {
    type.number = [](const void* value) { return static_cast<double>(*static_cast<const T*>(value)); };
    type.number_text = [](const void* value) { return text_of_number(*static_cast<const T*>(value)); };
  }
  return type;
}

template <class T>
constinit const ValueType ValueTypeOf<T>::value = value_type<T>();

// Types of most members: their code is in fields.cpp alone.
extern template struct ValueTypeOf<bool>;
extern template struct ValueTypeOf<int>;
extern template struct ValueTypeOf<std::int64_t>;
extern template struct ValueTypeOf<std::uint64_t>;
extern template struct ValueTypeOf<float>;
extern template struct ValueTypeOf<double>;
extern template struct ValueTypeOf<std::string>;
extern template struct ValueTypeOf<json::value>;
extern template struct ValueTypeOf<json::object>;
extern template struct ValueTypeOf<std::optional<bool>>;
extern template struct ValueTypeOf<std::optional<int>>;
extern template struct ValueTypeOf<std::optional<std::int64_t>>;
extern template struct ValueTypeOf<std::optional<double>>;
extern template struct ValueTypeOf<std::optional<std::string>>;
extern template struct ValueTypeOf<std::vector<std::int64_t>>;
extern template struct ValueTypeOf<std::vector<double>>;
extern template struct ValueTypeOf<std::vector<std::string>>;

}  // namespace base
