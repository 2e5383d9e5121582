#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"

namespace api {

/// How a field of a described struct is given in words: on a command line, in a path or a query.
struct Argument {
  std::string_view name;
  std::string_view doc;
  char letter = 0;
  bool positional = false;
  bool required = false;
  base::json::object schema;

  bool is_list() const { return schema.contains("items"); }
  bool is_flag() const;  ///< true or false
  bool is_on() const;    ///< of a flag: true unless said otherwise
};

/// Fields of T in order.
template <base::Described T>
std::vector<Argument> arguments_of() {
  const base::json::object schema = base::schema<T>();
  const base::json::object& properties = schema.at("properties").as_object();
  std::vector<Argument> result;
  base::for_each_field<T>([&](const auto& f) {
    result.push_back({f.name, f.doc, f.short_flag, f.is_positional, f.is_required, properties.at(f.name).as_object()});
  });
  return result;
}

/// Text as the value that a schema describes: a number, true or false, or the text itself. Errors: invalid_argument
/// naming `name`.
base::json::value value_from_text(std::string_view name, const base::json::object& schema, std::string_view text);

}  // namespace api
