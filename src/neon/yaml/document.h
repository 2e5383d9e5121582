#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/json.h"

namespace neon {

/// A YAML document as a JSON value, with aliases and merge keys (<<) expanded. JSON pointers name its places.
struct YamlDocument {
  base::json::value value;
  std::map<std::string, int> lines;  ///< pointer → line from 1: of the key in a mapping, of the item in a list
  std::set<std::string> anchored;    ///< pointers of values that carry an &anchor
};

/// Errors: invalid_argument "model.yaml:3:5: ..." for text that is not YAML, repeated keys, tags, more than one document, and
/// for more than a model needs: depth over 64, over 100,000 values or 4 MB of text once aliases are expanded.
YamlDocument parse_yaml(std::string_view text, std::string_view file_name);

}  // namespace neon
