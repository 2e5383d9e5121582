#include "aeon/augment/augmentation.h"

#include <fmt/format.h>

#include <algorithm>

namespace aeon {
namespace {

using base::Code;
using base::Error;

base::json::object slice_of(const Augmentations::Member& member, const base::json::object& config) {
  base::json::object slice;
  for (const std::string_view key : member.keys)
    if (const auto* value = config.if_contains(key)) slice[key] = *value;
  return slice;
}

// FNV-1a.
std::uint64_t tag_of(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

}  // namespace

double draw_from(const std::array<double, 2>& range, double neutral, base::Random* random) {
  if (range[0] == range[1]) return range[0];
  return random == nullptr ? std::clamp(neutral, range[0], range[1]) : random->uniform(range[0], range[1]);
}

void check_range(std::string_view key, const std::array<double, 2>& range, std::string_view where, double low,
                 double high) {
  if (!(low <= range[0] && range[0] <= range[1] && range[1] <= high))
    throw Error(Code::invalid_argument,
                fmt::format("{} must be two numbers from {} to {}, the smaller first, got [{}, {}]", key, low, high,
                            range[0], range[1]),
                base::pointer_to(where, key));
}

std::vector<Augmentations::Member>& Augmentations::members() {
  static std::vector<Member> members;
  return members;
}

void Augmentations::add(Member member) {
  auto& all = members();
  all.insert(std::upper_bound(all.begin(), all.end(), member,
                              [](const Member& a, const Member& b) { return a.rank < b.rank; }),
             std::move(member));
}

void Augmentations::check(const base::json::object& config, std::string_view where) {
  std::vector<std::string_view> keys;
  for (const Member& member : members()) keys.insert(keys.end(), member.keys.begin(), member.keys.end());
  for (const auto& entry : config)
    if (std::find(keys.begin(), keys.end(), std::string_view(entry.key())) == keys.end())
      throw Error(Code::invalid_argument, base::unknown_word("augmentation key", entry.key(), keys),
                  base::pointer_to(where, entry.key()));
  for (const Member& member : members()) member.check(slice_of(member, config), where);
}

base::json::object Augmentations::schema() {
  base::json::object properties;
  for (const Member& member : members()) {
    const base::json::object schema = member.schema();
    for (const auto& property : schema.at("properties").as_object()) properties[property.key()] = property.value();
  }
  return {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
}

std::vector<Augmentations::Made> Augmentations::make(const base::json::object& config, const ImageTarget& target,
                                                     std::string_view where) {
  std::vector<Made> made;
  for (const Member& member : members())
    made.push_back({tag_of(member.name), member.make(slice_of(member, config), target, config, where)});
  return made;
}

std::vector<Augmentations::Made> Augmentations::make_moving(const AugmentationEntry* entry, const ImageTarget& target) {
  static const base::json::object kNothing;
  const base::json::object& config = entry == nullptr ? kNothing : entry->config;
  std::vector<Made> made;
  for (const Member& member : members())
    if (member.changes == Changes::places)
      made.push_back({tag_of(member.name), member.make(slice_of(member, config), target, config,
                                                       entry == nullptr ? "/augmentation" : entry->where)});
  return made;
}

Recipe draw_recipe(const std::vector<Augmentations::Made>& made, const Draw& draw, std::int32_t height,
                   std::int32_t width) {
  Recipe recipe;
  recipe.input_height = recipe.height = height;
  recipe.input_width = recipe.width = width;
  for (const auto& [tag, augmentation] : made) {
    std::optional<base::Random> random = draw.numbers(tag);
    augmentation->draw(random ? &*random : nullptr, recipe);
  }
  return recipe;
}

}  // namespace aeon
