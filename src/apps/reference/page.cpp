#include "apps/reference/page.h"

#include <fmt/format.h>

namespace reference {
namespace {

namespace json = base::json;

std::string_view text_at(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_string() ? std::string_view(found->get_string()) : std::string_view();
}

std::string number(const json::value& value) { return fmt::format("{}", value.to_number<double>()); }

std::string bounds(const json::object& schema) {
  const json::value* low = schema.if_contains("minimum");
  const json::value* over = schema.if_contains("exclusiveMinimum");
  const json::value* high = schema.if_contains("maximum");
  if (low != nullptr && high != nullptr) return fmt::format(", {} to {}", number(*low), number(*high));
  if (over != nullptr && high != nullptr) return fmt::format(", over {} to {}", number(*over), number(*high));
  if (low != nullptr) return fmt::format(", at least {}", number(*low));
  if (over != nullptr) return fmt::format(", over {}", number(*over));
  if (high != nullptr) return fmt::format(", at most {}", number(*high));
  return "";
}

// {type: Name, config: {...}} or a bare name.
bool is_part(const json::object& schema) {
  const json::value* forms = schema.if_contains("oneOf");
  if (forms == nullptr) return false;
  for (const json::value& form : forms->as_array())
    if (const json::value* properties = form.as_object().if_contains("properties"))
      if (properties->as_object().contains("type") && properties->as_object().contains("config")) return true;
  return false;
}

std::string joined(std::vector<std::string> words) {
  std::string text;
  words.erase(std::unique(words.begin(), words.end()), words.end());
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return text;
}

std::string list_of(const json::object& schema) {
  const json::value* items = schema.if_contains("items");
  std::string text = "list";
  if (const json::value* count = schema.if_contains("minItems"); count != nullptr && schema.contains("maxItems"))
    text += fmt::format(" of {}", count->to_number<int>());
  const std::string kind = items != nullptr ? values_of(items->as_object()) : "";
  return kind.empty() ? text : fmt::format("{}{}{}", text, text == "list" ? " of: " : ": ", kind);
}

std::string default_of(const json::object& property, bool is_required) {
  if (is_required) return "needed";
  const json::value* found = property.if_contains("default");
  if (found == nullptr || found->is_null()) return "";
  if (found->is_string() && found->get_string().empty()) return "";
  if ((found->is_array() && found->get_array().empty()) || (found->is_object() && found->get_object().empty()))
    return "";
  if (found->is_string()) return fmt::format("`{}`", std::string_view(found->get_string()));
  if (found->is_number()) return fmt::format("`{}`", number(*found));
  if (found->is_object() && found->get_object().contains("type"))
    return fmt::format("`{}`", text_at(found->get_object(), "type"));
  return fmt::format("`{}`", base::to_text(*found));
}

}  // namespace

std::string page_head(std::string_view title, std::string_view source, std::string_view introduction) {
  return fmt::format("<!-- Made by `make docs` from {}; edit those. -->\n# {}\n\n{}\n", source, title, introduction);
}

std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

std::string values_of(const json::object& schema) {
  if (is_part(schema)) return "a part";
  if (const json::value* forms = schema.if_contains("oneOf")) {
    std::vector<std::string> words;
    for (const json::value& form : forms->as_array()) words.push_back(values_of(form.as_object()));
    return joined(words);
  }
  if (const json::value* words = schema.if_contains("enum")) {
    std::vector<std::string> quoted;
    for (const json::value& word : words->as_array())
      quoted.push_back(word.is_string() ? fmt::format("`{}`", std::string_view(word.get_string()))
                                        : fmt::format("`{}`", base::to_text(word)));
    return joined(quoted);
  }
  if (const json::value* only = schema.if_contains("const"))
    return fmt::format("`{}`", only->is_string() ? std::string(only->get_string()) : base::to_text(*only));
  const std::string_view type = text_at(schema, "type");
  if (type == "integer") return "whole number" + bounds(schema);
  if (type == "number") return "number" + bounds(schema);
  if (type == "boolean") return "true or false";
  if (type == "string") return "text";
  if (type == "null") return "null";
  if (type == "array") return list_of(schema);
  if (type == "object") return "mapping";
  return "anything";
}

std::string table_of_properties(const json::object& schema) {
  const json::value* properties = schema.if_contains("properties");
  if (properties == nullptr || properties->as_object().empty()) return "";
  std::vector<std::string_view> required;
  if (const json::value* names = schema.if_contains("required"))
    for (const json::value& name : names->as_array()) required.push_back(name.get_string());
  std::string text = "| key | values | default | meaning |\n|---|---|---|---|\n";
  for (const auto& property : properties->as_object()) {
    const json::object& its = property.value().as_object();
    if (its.contains("const")) continue;  // it is the title already
    const bool is_required =
        std::find(required.begin(), required.end(), std::string_view(property.key())) != required.end();
    text += fmt::format("| `{}` | {} | {} | {} |\n", std::string_view(property.key()), cell(values_of(its)),
                        cell(default_of(its, is_required)), cell(text_at(its, "description")));
  }
  return text;
}

}  // namespace reference
