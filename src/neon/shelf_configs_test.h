#pragma once
// What to try of a shelf: configurations of all members, from their schemas. A new member, or an option that a member
// gains, is tested without being named.
#include <gtest/gtest.h>

#include "neon/shelf.h"

namespace neon::testing {

/// From the names of options to values to try, as JSON.
using Samples = std::map<std::string_view, std::vector<std::string>>;

inline std::string text_of(const Part& part) { return part.type + " " + base::to_text(part.config); }

/// What to try of one option: its samples, or something that suits its type.
inline std::vector<base::json::value> values_to_try(std::string_view member, std::string_view key,
                                                    const base::json::object& property, const Samples& samples) {
  std::vector<base::json::value> values;
  if (const auto found = samples.find(key); found != samples.end()) {
    for (const std::string& text : found->second) values.push_back(base::parse_json(text, "sample"));
    return values;
  }
  const base::json::value* type = property.if_contains("type");
  const std::string kind = type != nullptr && type->is_string() ? std::string(type->get_string()) : "";
  if (kind == "boolean")
    values.emplace_back(!property.at("default").as_bool());
  else if (kind == "integer")
    values.emplace_back(2);
  else if (kind == "number")
    values.emplace_back(0.5);
  else
    ADD_FAILURE() << member << ": the test has no sample of the option " << key;
  return values;
}

/// Every member with every combination of its options that it accepts. Fails for a member of which nothing, or an
/// option of which no value, is accepted.
template <class Interface>
std::vector<Part> all_configurations(const Samples& samples) {
  std::vector<Part> all;
  for (const auto& [name, member] : Shelf<Interface>::instance().members()) {
    const base::json::object schema = member.schema();
    const base::json::value* required = schema.if_contains("required");
    std::vector<base::json::object> configs{{}};
    std::map<std::string, bool> accepted;
    for (const auto& [key, property] : schema.at("properties").as_object()) {
      if (key == "name" || property.as_object().contains("const")) continue;
      const bool is_needed =
          required != nullptr && std::ranges::count(required->as_array(), base::json::value(key)) != 0;
      accepted[key] = false;
      std::vector<base::json::object> more;
      for (const base::json::object& config : configs) {
        if (!is_needed) more.push_back(config);
        for (const base::json::value& value : values_to_try(name, key, property.as_object(), samples)) {
          more.push_back(config);
          more.back()[key] = value;
        }
      }
      configs = std::move(more);
    }
    const std::size_t before = all.size();
    for (const base::json::object& config : configs) {
      const Part part{std::string(name), config, "/part"};
      try {
        Shelf<Interface>::instance().make(part);
      } catch (const base::Error&) {
        continue;
      }
      for (const auto& option : config) accepted[option.key()] = true;
      all.push_back(part);
    }
    EXPECT_GT(all.size(), before) << "no configuration of " << name << " is accepted";
    for (const auto& [key, was] : accepted) EXPECT_TRUE(was) << name << ": no value of " << key << " is accepted";
  }
  return all;
}

/// Every member with nothing but the options that it must have, each with the last of its samples.
template <class Interface>
std::vector<Part> least_configurations(const Samples& samples) {
  std::vector<Part> all;
  for (const auto& [name, member] : Shelf<Interface>::instance().members()) {
    Part part{std::string(name), {}, "/part"};
    const base::json::object schema = member.schema();
    if (const base::json::value* required = schema.if_contains("required"))
      for (const base::json::value& key : required->as_array()) {
        const std::string_view word = key.as_string();
        part.config[word] = values_to_try(name, word, schema.at("properties").at(word).as_object(), samples).back();
      }
    all.push_back(std::move(part));
  }
  return all;
}

}  // namespace neon::testing
