#include "base/error.h"
#include "neon/graph_builder.h"

namespace neon {
namespace {

struct NameOnly {
  std::optional<std::string> name;
  static constexpr auto fields() { return std::tuple(base::field("name", &NameOnly::name, "a name")); }
};

/// A point that branches of a Tree start from. Values pass as they are: it is an edge and no node.
class BranchNode final : public GraphPart {
 public:
  using Config = NameOnly;
  explicit BranchNode(const Config& config) : name_(config.name) {
    if (!name_ || name_->empty())
      throw base::Error(base::Code::invalid_argument, "a BranchNode needs a name, by which other branches find it");
  }

  std::optional<std::string> given_name() const override { return name_; }
  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    const bool starts = in.empty();
    if (starts != builder.knows_branch(*name_))
      throw base::Error(base::Code::invalid_argument,
                        starts ? "no earlier branch has a BranchNode of this name, so it needs an input"
                               : "another BranchNode of this name has an input already");
    if (starts) return {builder.branch(*name_)};
    if (in.size() != 1)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("a BranchNode takes one input, but {} come in", in.size()));
    builder.remember_branch(*name_, in[0]);
    return in;
  }

 private:
  std::optional<std::string> name_;
};

/// The way around the other branches of a MergeSum.
class SkipNode final : public GraphPart {
 public:
  using Config = NameOnly;
  explicit SkipNode(const Config& config) : name_(config.name) {}

  std::optional<std::string> given_name() const override { return name_; }
  std::vector<int> build(GraphBuilder&, const std::vector<int>& in) const override { return in; }

 private:
  std::optional<std::string> name_;
};

const OnShelf<GraphPart, BranchNode> registered_branch(
    "BranchNode", "a point that branches of a Tree start from",
    R"(Values pass it as they are. In the branch that it ends up in first it marks the place; as the first layer of a later branch it stands for
what passed there. An attention whose `memory` is this name sees what passed there (MultiHeadAttention, TransformerBlock). `name` is
needed.)");
const OnShelf<GraphPart, SkipNode> registered_skip("SkipNode", "the way around the other branches of a MergeSum",
                                                   R"(Values pass it as they are.)", {{"Shortcut", ""}});

}  // namespace
}  // namespace neon
