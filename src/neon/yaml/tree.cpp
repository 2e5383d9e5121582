#include "neon/yaml/tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>

#include "base/error.h"
#include "base/text.h"

namespace neon {
namespace {

Mark mark_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

/// Builds the tree from yaml-cpp's events.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string_view file_name) : file_name_(file_name) {}

  std::shared_ptr<const YamlNode> take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(has_document_, true)) fail(mark, "a second document; a model file holds one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    scalar(mark, YamlNode::Kind::plain, anchor, "");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    refuse_tag(mark, tag);
    scalar(mark, tag == "!" ? YamlNode::Kind::quoted : YamlNode::Kind::plain, anchor, text);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open(mark, YamlNode::Kind::list, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open(mark, YamlNode::Kind::mapping, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(mark, "an alias inside of what it stands for");
    if (expects_key()) fail(mark, "an alias as a key; expected a name");
    add(mark, found->second, true);
  }

 private:
  struct Open {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor;
    bool has_key = false;
    YamlNode::Child next;  ///< its key, while the value is awaited
  };

  [[noreturn]] void fail(const YAML::Mark& mark, std::string_view message) const {
    fail_at(file_name_, mark_of(mark), message);
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!")
      fail(mark, fmt::format("tag '{}' has no meaning here; leave it out", tag));
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().node->kind == YamlNode::Kind::mapping && !open_.back().has_key;
  }

  void scalar(const YAML::Mark& mark, YamlNode::Kind kind, YAML::anchor_t anchor, const std::string& text) {
    if (expects_key()) {
      take_key(mark, kind, text);
      return;
    }
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->mark = mark_of(mark);
    node->is_anchored = anchor != 0;
    node->text = text;
    if (anchor != 0) anchors_[anchor] = node;
    add(mark, node, false);
  }

  void take_key(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& key) {
    if (key.empty()) fail(mark, "a key is missing before ':'");
    Open& mapping = open_.back();
    const auto [first, is_new] = keys_[mapping.node.get()].emplace(key, mark.line + 1);
    if (!is_new) fail(mark, fmt::format("key '{}' is repeated; it stands in line {} already", key, first->second));
    mapping.has_key = true;
    mapping.next = {key, mark_of(mark), kind == YamlNode::Kind::plain, false, nullptr};
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind, YAML::anchor_t anchor) {
    if (expects_key()) fail(mark, "a list or mapping as a key; expected a name");
    if (open_.size() >= kMaximumYamlDepth) fail(mark, fmt::format("nested deeper than {} levels", kMaximumYamlDepth));
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->mark = mark_of(mark);
    node->is_anchored = anchor != 0;
    open_.push_back({std::move(node), anchor});
  }

  void close() {
    const Open done = std::move(open_.back());
    open_.pop_back();
    keys_.erase(done.node.get());
    if (done.anchor != 0) anchors_[done.anchor] = done.node;
    add(YAML::Mark{}, done.node, false);
  }

  void add(const YAML::Mark& mark, std::shared_ptr<const YamlNode> node, bool is_alias) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    YamlNode::Child child;
    if (parent.node->kind == YamlNode::Kind::mapping)
      child = std::exchange(parent.next, {});
    else
      child.mark = is_alias ? mark_of(mark) : node->mark;
    parent.has_key = false;
    child.is_alias = is_alias;
    child.node = std::move(node);
    parent.node->children.push_back(std::move(child));
  }

  std::string_view file_name_;
  bool has_document_ = false;
  std::vector<Open> open_;
  std::map<const YamlNode*, std::map<std::string, int>> keys_;  ///< of the open mappings, with their lines
  std::map<YAML::anchor_t, std::shared_ptr<const YamlNode>> anchors_;
  std::shared_ptr<const YamlNode> root_;
};

}  // namespace

void fail_at(std::string_view file_name, Mark mark, std::string_view message) {
  throw base::Error(base::Code::invalid_argument,
                    fmt::format("{}:{}:{}: {}", file_name, mark.line, mark.column, message));
}

std::shared_ptr<const YamlNode> read_yaml_tree(std::string_view text, std::string_view file_name) {
  text = base::text_of(text, file_name);
  TreeBuilder builder(file_name);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {}
  } catch (const YAML::Exception& error) {
    fail_at(file_name, error.mark.is_null() ? Mark{} : mark_of(error.mark), error.msg);
  }
  auto root = builder.take();
  if (!root) fail_at(file_name, {}, "it is empty");
  return root;
}

}  // namespace neon
