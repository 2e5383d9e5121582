#include "neon/yaml/document.h"

#include "base/error.h"
#include "neon/yaml/scalar.h"
#include "neon/yaml/tree.h"

namespace neon {
namespace {

constexpr std::size_t kMaximumValues = 100'000;
constexpr std::size_t kMaximumTextBytes = 4 << 20;
constexpr std::size_t kMaximumLineBytes = 16
                                          << 20;  ///< of pointers in `lines`; errors then name the nearest known place

/// Turns the tree into a value; aliases and merge keys are written out, within the limits.
class Expansion {
 public:
  explicit Expansion(std::string_view file_name) : file_name_(file_name) {}

  YamlDocument of(const YamlNode& root) {
    document_.value = value_of(root, "", 0);
    return std::move(document_);
  }

 private:
  using Members = std::vector<const YamlNode::Child*>;

  void spend(const YamlNode& node) {
    text_bytes_ += node.text.size();
    if (++values_ > kMaximumValues || text_bytes_ > kMaximumTextBytes)
      fail_at(file_name_, node.mark,
              fmt::format("more than {} values or {} bytes of text; do aliases hold aliases?", kMaximumValues,
                          kMaximumTextBytes));
  }

  void remember(const std::string& pointer, const YamlNode::Child& child) {
    line_bytes_ += pointer.size();
    if (line_bytes_ <= kMaximumLineBytes) document_.lines[pointer] = child.mark.line;
    if (child.node->is_anchored && !child.is_alias && line_bytes_ <= kMaximumLineBytes)
      document_.anchored.insert(pointer);
  }

  base::json::value value_of(const YamlNode& node, const std::string& pointer, int depth) {
    spend(node);
    if (depth > kMaximumYamlDepth)
      fail_at(file_name_, node.mark, fmt::format("nested deeper than {} levels", kMaximumYamlDepth));
    switch (node.kind) {
      case YamlNode::Kind::quoted: return base::json::value(node.text);
      case YamlNode::Kind::plain: return scalar_of(node);
      case YamlNode::Kind::list: return list_of(node, pointer, depth);
      case YamlNode::Kind::mapping: return mapping_of(node, pointer, depth);
    }
    return nullptr;
  }

  base::json::value scalar_of(const YamlNode& node) const {
    try {
      return plain_scalar(node.text);
    } catch (const base::Error& error) {
      fail_at(file_name_, node.mark, error.message);
    }
  }

  base::json::value list_of(const YamlNode& node, const std::string& pointer, int depth) {
    base::json::array list;
    for (const YamlNode::Child& child : node.children) {
      const std::string here = base::pointer_to(pointer, list.size());
      remember(here, child);
      list.push_back(value_of(*child.node, here, depth + 1));
    }
    return list;
  }

  base::json::value mapping_of(const YamlNode& node, const std::string& pointer, int depth) {
    base::json::object mapping;
    Members members;
    collect(node, members, depth);
    for (const YamlNode::Child* child : members) {
      if (mapping.contains(child->key)) continue;  // the mapping's own keys come first and win over merged ones
      text_bytes_ += child->key.size();
      const std::string here = base::pointer_to(pointer, child->key);
      remember(here, *child);
      mapping[child->key] = value_of(*child->node, here, depth + 1);
    }
    return mapping;
  }

  /// The node's own members, then those of its merge keys.
  void collect(const YamlNode& mapping, Members& members, int depth) {
    spend(mapping);
    if (depth > kMaximumYamlDepth) fail_at(file_name_, mapping.mark, "merge keys are nested too deep");
    const auto is_merge = [](const YamlNode::Child& child) { return child.key_is_plain && child.key == "<<"; };
    for (const YamlNode::Child& child : mapping.children)
      if (!is_merge(child)) members.push_back(&child);
    values_ += members.size() / 16;  // merging costs even where nothing new comes of it
    for (const YamlNode::Child& child : mapping.children)
      if (is_merge(child)) merge(child, members, depth);
  }

  void merge(const YamlNode::Child& child, Members& members, int depth) {
    const YamlNode& source = *child.node;
    if (source.kind == YamlNode::Kind::mapping) return collect(source, members, depth + 1);
    if (source.kind == YamlNode::Kind::list)
      for (const YamlNode::Child& item : source.children) {
        if (item.node->kind != YamlNode::Kind::mapping) fail_at(file_name_, item.mark, "'<<' takes mappings only");
        collect(*item.node, members, depth + 1);
      }
    else
      fail_at(file_name_, child.mark, "'<<' takes a mapping or a list of mappings");
  }

  std::string_view file_name_;
  YamlDocument document_;
  std::size_t values_ = 0, text_bytes_ = 0, line_bytes_ = 0;
};

}  // namespace

YamlDocument parse_yaml(std::string_view text, std::string_view file_name) {
  return Expansion(file_name).of(*read_yaml_tree(text, file_name));
}

}  // namespace neon
