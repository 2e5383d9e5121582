#include "aeon/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "aeon/augment/augmentation.h"
#include "aeon/augment/sound_augmentation.h"
#include "aeon/extract/extractor.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

// The entry's type, and its other keys in `rest`.
std::string split_type(const base::json::value& value, std::string_view where, base::json::object& rest) {
  if (!value.is_object()) base::fail_expected("a mapping with 'type'", value, where);
  rest = value.get_object();
  const auto found = rest.find("type");
  if (found == rest.end()) throw Error(Code::invalid_argument, "'type' is missing", std::string(where));
  std::string type = base::decode<std::string>(found->value(), base::pointer_to(where, "type"));
  rest.erase(found);
  return type;
}

base::json::object with_type(std::string_view type, const base::json::object& config) {
  base::json::object object{{"type", type}};
  for (const auto& member : config) object[member.key()] = member.value();
  return object;
}

// `schema` of an entry's other keys, with `type` being `type`.
base::json::object schema_with_type(std::string_view type, base::json::object schema) {
  base::json::object properties{{"type", base::json::object{{"const", type}}}};
  for (const auto& member : schema["properties"].as_object()) properties[member.key()] = member.value();
  schema["properties"] = properties;
  base::json::array required;
  required.push_back("type");
  if (const auto* others = schema.if_contains("required"))
    for (const auto& other : others->as_array()) required.push_back(other);
  schema["required"] = required;
  return schema;
}

/// The keys that every entry of `etl` has.
struct Common {
  std::string name;
  std::optional<Role> role;
  static constexpr auto fields() {
    return std::tuple(base::field("name", &Common::name,
                                  "put before the names of its tensors (`left.image`), and what predictions call it"),
                      base::field("role", &Common::role, "what it is to the network, where that is not the usual"));
  }
};

// Takes the keys of Common out of an entry.
base::json::object split_common(base::json::object& entry) {
  base::json::object common;
  for (const std::string_view key : base::field_names<Common>()) {
    const auto found = entry.find(key);
    if (found == entry.end()) continue;
    common[key] = found->value();
    entry.erase(found);
  }
  return common;
}

}  // namespace

EtlEntry EtlEntry::from_json(const base::json::value& value, std::string_view where) {
  EtlEntry entry;
  entry.where = where;
  entry.type = split_type(value, where, entry.config);
  const Common common = base::decode<Common>(split_common(entry.config), where);
  entry.name = common.name;
  entry.role = common.role;
  const Extractors::Member& member = Extractors::find(entry.type, where);
  member.check(entry.config, where);
  return entry;
}

base::json::value EtlEntry::to_json() const {
  base::json::object object = with_type(type, config);
  if (!name.empty()) object["name"] = name;
  if (role) object["role"] = base::word(*role);
  return object;
}

base::json::object EtlEntry::schema() {
  base::json::array kinds;
  for (const auto& [type, member] : Extractors::members()) {
    base::json::object kind = schema_with_type(type, member.schema());
    const base::json::object common = base::schema<Common>();
    for (const auto& property : common.at("properties").as_object())
      kind["properties"].as_object()[property.key()] = property.value();
    kind["description"] = member.doc;
    kinds.push_back(kind);
  }
  return {{"oneOf", kinds}};
}

AugmentationEntry AugmentationEntry::from_json(const base::json::value& value, std::string_view where) {
  AugmentationEntry entry;
  entry.where = where;
  entry.type = split_type(value, where, entry.config);
  if (entry.type == "image")
    Augmentations::check(entry.config, where);
  else if (entry.type == "audio")
    base::decode<SoundAugmentation>(entry.config, where).check(where);
  else
    throw Error(Code::invalid_argument,
                base::unknown_word("augmentation type", entry.type, std::array<std::string_view, 2>{"audio", "image"}),
                base::pointer_to(where, "type"));
  return entry;
}

base::json::value AugmentationEntry::to_json() const { return with_type(type, config); }

base::json::object AugmentationEntry::schema() {
  base::json::object image = schema_with_type("image", Augmentations::schema());
  image["description"] = "what is done to images";
  base::json::object audio = schema_with_type("audio", base::schema<SoundAugmentation>());
  audio["description"] = "what is done to sounds";
  return {{"oneOf", base::json::array{image, audio}}};
}

const AugmentationEntry* LoaderConfig::augmentation_of(std::string_view type) const {
  const auto found = std::find_if(augmentation.begin(), augmentation.end(),
                                  [&](const AugmentationEntry& entry) { return entry.type == type; });
  return found == augmentation.end() ? nullptr : &*found;
}

void check(const LoaderConfig& config) {
  if (config.streams.value_or(false) && config.shuffle_enable.value_or(false))
    throw base::Error(base::Code::invalid_argument,
                      "streams keep the order of their records, but shuffle_enable is true; leave one of them out",
                      "/shuffle_enable");
  const Extraction extraction(config);
}

}  // namespace aeon
