#include "aeon/extract/extractor.h"

#include <fmt/format.h>

#include <algorithm>

namespace aeon {

using base::Code;
using base::Error;

std::map<std::string_view, Extractors::Member>& Extractors::members() {
  static std::map<std::string_view, Member> members;
  return members;
}

const Extractors::Member& Extractors::find(std::string_view type, std::string_view where) {
  const auto found = members().find(type);
  if (found != members().end()) return found->second;
  std::vector<std::string_view> names;
  for (const auto& [name, member] : members()) names.push_back(name);
  throw Error(Code::invalid_argument, base::unknown_word("etl type", type, names), base::pointer_to(where, "type"));
}

Extraction::Extraction(const LoaderConfig& config) {
  for (const AugmentationEntry& entry : config.augmentation)
    if (&entry != config.augmentation_of(entry.type))
      throw Error(Code::invalid_argument, fmt::format("a second augmentation of type '{}'", entry.type), entry.where);
  for (const EtlEntry& entry : config.etl) {
    ExtractedColumn& column = columns.emplace_back();
    column.extractor = Extractors::find(entry.type, entry.where).make(entry, config);
    column.name = entry.name.empty() ? entry.type : entry.name;
    for (ExtractedTensor& made : column.extractor->tensors()) {
      if (!entry.name.empty()) made.column.name = fmt::format("{}.{}", entry.name, made.column.name);
      refuse_twice(made.column.name, entry);
      const Role role = made.role.value_or(entry.role.value_or(column.extractor->role()));
      std::vector<tensor::Column>& to = role == Role::input ? inputs : targets;
      column.places.push_back({role, to.size()});
      to.push_back(std::move(made.column));
    }
    if (column.has(Role::target) && class_names.empty()) class_names = column.extractor->class_names();
  }
  if (inputs.empty())
    throw Error(Code::invalid_argument, "etl names no input, such as {type: image, height: 28, width: 28}", "/etl");
}

bool ExtractedColumn::has(Role role) const {
  return std::any_of(places.begin(), places.end(), [&](const Place& place) { return place.role == role; });
}

void check_image_sizes(std::span<const ExtractedColumn> columns, std::span<const DecodedView> decoded) {
  std::optional<std::array<std::int32_t, 2>> image;
  for (std::size_t i = 0; i < columns.size() && !image; ++i)
    if (!columns[i].extractor->lies_over_an_image()) image = columns[i].extractor->image_size(decoded[i]);
  if (!image) return;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].extractor->lies_over_an_image()) continue;
    const auto own = columns[i].extractor->image_size(decoded[i]);
    if (own && *own != *image)
      throw Error(Code::invalid_argument,
                  fmt::format("{} is of an image {} wide and {} high, but the image beside it is {} wide and {} high",
                              columns[i].name, (*own)[1], (*own)[0], (*image)[1], (*image)[0]));
  }
}

void Extraction::refuse_twice(std::string_view name, const EtlEntry& entry) const {
  for (const auto* tensors : {&inputs, &targets})
    for (const tensor::Column& other : *tensors)
      if (other.name == name)
        throw Error(Code::invalid_argument,
                    fmt::format("two entries of etl make a tensor '{}'; give one of them a name, as in "
                                "{{type: {}, name: left}}",
                                name, entry.type),
                    entry.where);
}

}  // namespace aeon
