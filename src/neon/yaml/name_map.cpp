#include "base/error.h"
#include "neon/foreign_weights.h"
#include "neon/spec.h"
#include "neon/yaml/document.h"

namespace neon {
namespace {

/// A source as the file writes it when it is not just a name.
struct Words {
  std::string tensor;
  std::optional<std::string> plus;
  std::optional<std::vector<std::int64_t>> axes, parts;
  std::int64_t of = 1;
  static constexpr auto fields() {
    return std::tuple(
        base::field("tensor", &Words::tensor, "its name in the file").required(),
        base::field("plus", &Words::plus, "another of the same shape, to be added"),
        base::field("axes", &Words::axes, "the order in which its extents are wanted; [1, 0] transposes"),
        base::field("of", &Words::of, "into how many equal parts the first extent is cut").range(1, 1 << 20),
        base::field("parts", &Words::parts, "which of them, from 0, in the order wanted"));
  }
};

struct Document {
  base::json::object names;
  std::optional<std::vector<std::string>> ignore;
  static constexpr auto fields() {
    return std::tuple(base::field("names", &Document::names, "from parameters to tensors").required(),
                      base::field("ignore", &Document::ignore, "tensors that are left alone"));
  }
};

NameMap map_of(const base::json::value& value) {
  const auto document = base::decode<Document>(value);
  NameMap map;
  map.ignore = document.ignore.value_or(std::vector<std::string>());
  for (const auto& member : document.names) {
    const std::string where = base::pointer_to("/names", member.key());
    NameMap::Entry entry{std::string(member.key()), {}};
    if (entry.parameter.find('/') == std::string::npos)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("'{}' is no parameter; write layer/parameter, such as fc/W", entry.parameter),
                        where);
    if (const auto* list = member.value().if_array())
      for (std::size_t i = 0; i < list->size(); ++i)
        entry.sources.push_back(ForeignSource::from_json((*list)[i], base::pointer_to(where, std::to_string(i))));
    else
      entry.sources.push_back(ForeignSource::from_json(member.value(), where));
    map.names.push_back(std::move(entry));
  }
  return map;
}

}  // namespace

ForeignSource ForeignSource::from_json(const base::json::value& value, std::string_view where) {
  if (value.is_string()) return {.tensor = base::decode<std::string>(value, where)};
  Words words = base::decode<Words>(value, where);
  if (words.of > 1 && !words.parts)
    throw base::Error(base::Code::invalid_argument, "'of' cuts the tensor into parts; say which with 'parts'",
                      std::string(where));
  return {.tensor = std::move(words.tensor),
          .plus = std::move(words.plus),
          .axes = std::move(words.axes),
          .of = words.of,
          .parts = std::move(words.parts)};
}

NameMap parse_name_map(std::string_view yaml, std::string_view file_name) {
  const YamlDocument document = parse_yaml(yaml, file_name);
  try {
    return map_of(document.value);
  } catch (const base::Error& error) {
    ModelSpec places;
    places.file = file_name;
    places.lines = document.lines;
    throw located(error, places);
  }
}

}  // namespace neon
