#include "neon/shelf.h"

namespace neon {

Part Part::from_json(const base::json::value& value, std::string_view where) {
  Part part;
  part.where = where;
  if (value.is_string()) {
    part.type = std::string(value.get_string());
  } else if (value.is_object()) {
    const auto& object = value.get_object();
    for (const auto& member : object) {
      const std::string_view key = member.key();
      if (key != "type" && key != "config") {
        constexpr std::array<std::string_view, 2> known{"type", "config"};
        throw base::Error(base::Code::invalid_argument,
                          base::unknown_word("key", key, known) + "; arguments belong under config",
                          base::pointer_to(where, key));
      }
    }
    const auto type = object.find("type");
    if (type == object.end())
      throw base::Error(base::Code::invalid_argument, "'type' is missing: expected {type: Name, config: {...}}",
                        std::string(where));
    part.type = base::decode<std::string>(type->value(), base::pointer_to(where, "type"));
    const auto config = object.find("config");
    if (config != object.end() && !config->value().is_null())
      part.config = base::decode<base::json::object>(config->value(), base::pointer_to(where, "config"));
  } else {
    base::fail_expected("a name or {type: Name, config: {...}}", value, where);
  }
  // Full names as Python has them, "neon.layers.layer.Linear", mean the last word.
  if (part.type.starts_with("neon.")) part.type.erase(0, part.type.rfind('.') + 1);
  if (part.type.empty())
    throw base::Error(base::Code::invalid_argument, "'type' is empty; expected a name", std::string(where));
  return part;
}

std::string name_of(const Part& part) {
  const auto name = part.config.find("name");
  const bool named = name != part.config.end() && name->value().is_string();
  return named ? std::string(name->value().get_string()) : part.type;
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

void without_faulty_keys(base::json::value value, std::string_view where, Faults& faults, std::string_view prefix,
                         const std::function<void(const base::json::value&)>& read) {
  std::vector<std::string> dropped;
  while (true) {
    try {
      return read(value);
    } catch (const base::Error& error) {
      // A key that is missing because it was dropped is no fault of the file.
      for (const std::string& key : dropped)
        if (error.where == where && error.message.find(fmt::format("'{}' is missing", key)) != std::string::npos)
          return;
      const bool inside = error.where.empty() || error.where.starts_with(where);
      faults.add({error.code, (inside ? std::string(prefix) : "") + error.message,
                  error.where.empty() ? std::string(where) : error.where});
      if (!value.is_object() || !error.where.starts_with(where) || error.where.size() <= where.size() + 1) return;
      for (const auto& member : value.get_object()) {
        const std::string at = base::pointer_to(where, member.key());
        if (error.where != at && !error.where.starts_with(at + "/")) continue;
        dropped.emplace_back(member.key());
        break;
      }
      if (dropped.empty() || value.as_object().erase(dropped.back()) == 0) return;
    }
  }
}

void check_numbers(const base::json::value& value, std::string_view where) {
  if (value.is_object()) {
    for (const auto& member : value.get_object()) check_numbers(member.value(), base::pointer_to(where, member.key()));
  } else if (value.is_array()) {
    std::size_t i = 0;
    for (const auto& item : value.get_array()) check_numbers(item, base::pointer_to(where, i++));
  } else if (value.is_double()) {
    const double number = value.get_double();
    const auto single = static_cast<float>(number);
    if (std::isfinite(single) && (single != 0 || number == 0)) return;
    // "weights/0" of a list, because the index alone says little
    std::size_t begin = where.rfind('/') + 1;
    while (begin > 1 && begin < where.size() && where.find_first_not_of("0123456789/", begin) == std::string_view::npos)
      begin = where.rfind('/', begin - 2) + 1;
    const std::string_view key = where.substr(begin);
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("{} must be a number that f32 can hold, of a magnitude from {:.1e} to {:.1e}, got {}", key,
                    std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max(), number),
        std::string(where));
  }
}

base::json::value Part::to_json() const { return base::json::object{{"type", type}, {"config", config}}; }

base::json::object Part::schema() {
  const base::json::object name{{"type", "string"}};
  const base::json::object mapping{
      {"type", "object"},
      {"properties", base::json::object{{"type", name}, {"config", base::json::object{{"type", "object"}}}}},
      {"required", base::json::array{"type"}},
      {"additionalProperties", false}};
  return {{"oneOf", base::json::array{name, mapping}}};
}

}  // namespace neon
