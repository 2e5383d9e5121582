#include "aeon/extract/extractor.h"

#include <fmt/format.h>

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
  if (config.augmentation.size() > 1)
    throw Error(Code::invalid_argument,
                fmt::format("expected at most one augmentation of type 'image', got {}", config.augmentation.size()),
                config.augmentation[1].where);
  int inputs = 0;
  for (const EtlEntry& entry : config.etl) {
    columns.push_back(Extractors::find(entry.type, entry.where).make(entry, config));
    const auto column = columns.size() - 1;
    if (columns.back()->role() == Role::input) {
      input = column;
      if (++inputs > 1)
        throw Error(Code::invalid_argument, fmt::format("a second input ('{}'); a network takes one", entry.type),
                    entry.where);
    } else {
      if (target >= 0)
        throw Error(Code::invalid_argument, fmt::format("a second target ('{}'); training takes one", entry.type),
                    entry.where);
      target = static_cast<int>(column);
    }
  }
  if (inputs == 0)
    throw Error(Code::invalid_argument, "etl names no input, such as {type: image, height: 28, width: 28}", "/etl");
}

}  // namespace aeon
