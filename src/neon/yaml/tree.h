#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace neon {

constexpr int kMaximumYamlDepth = 64;

/// A place in the file, both from 1.
struct Mark {
  int line = 1, column = 1;
};

/// A YAML node as written. An alias shares its target, so this is a graph without cycles.
struct YamlNode {
  enum class Kind { plain, quoted, list, mapping };
  Kind kind = Kind::plain;
  Mark mark;
  bool is_anchored = false;
  std::string text;  ///< of plain and quoted
  struct Child {
    std::string key;  ///< in mappings
    Mark mark;        ///< of the key or the item
    bool key_is_plain = false;
    bool is_alias = false;  ///< the node's anchor stands elsewhere
    std::shared_ptr<const YamlNode> node;
  };
  std::vector<Child> children;
};

/// Errors: see parse_yaml.
std::shared_ptr<const YamlNode> read_yaml_tree(std::string_view text, std::string_view file_name);

[[noreturn]] void fail_at(std::string_view file_name, Mark mark, std::string_view message);

}  // namespace neon
