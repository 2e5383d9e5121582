#include "neon/onnx/branches.h"

#include <algorithm>

#include "base/error.h"

namespace neon {
namespace {

/// Model files may be 64 levels deep, and a container has four of them.
constexpr int kDeepest = 12;

class Nesting {
 public:
  Nesting(const Graph& graph, const std::vector<Part>& parts)
      : graph_(graph), parts_(parts), above_(graph.edges.size(), -1), depth_(graph.edges.size(), 0) {
    for (const Node& node : graph.nodes) {
      int meeting = node.in_edges[0];
      for (const int in : node.in_edges) meeting = common(meeting, in);
      for (const int out : node.out_edges) {
        above_[at(out)] = meeting;
        depth_[at(out)] = depth_[at(meeting)] + 1;
      }
    }
  }

  Nested of_all_outputs() {
    for (const int output : graph_.outputs) add_branch(output);
    nested_.layers = branches_.size() == 1 ? layers_of(branches_[0]) : std::vector{tree()};
    return std::move(nested_);
  }

 private:
  /// A layer and the edge before it.
  struct Link {
    int before;
    Part part;
  };
  struct Branch {
    std::vector<Link> links;
    int end;
    int start = -1;  ///< edge of an earlier branch; -1: the input
  };

  static std::size_t at(int edge) { return static_cast<std::size_t>(edge); }

  /// The last edge that everything passes on its way to both.
  int common(int a, int b) const {
    while (a != b) (depth_[at(a)] > depth_[at(b)] ? a : b) = above_[at(depth_[at(a)] > depth_[at(b)] ? a : b)];
    return a;
  }

  void add_branch(int output) {
    int start = output;
    while (start != graph_.inputs[0] && !passed_.contains(start)) start = above_[at(start)];
    Branch branch{links(start, output, 0), output, branches_.empty() ? -1 : start};
    for (const Link& link : branch.links) passed_.insert(link.before);
    passed_.insert(output);
    branches_.push_back(std::move(branch));
  }

  std::vector<Link> links(int from, int to, int level) {
    if (level > kDeepest)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("the network branches within branches more than {} times", kDeepest));
    std::vector<Link> backwards;
    while (to != from) {
      const int index = graph_.edges[at(to)].producer;
      const Node& node = graph_.nodes[static_cast<std::size_t>(index)];
      if (!nested_.nodes.insert(index).second)
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("what '{}' gives is used by branches that cross; only branches that begin at one "
                                      "place and end at one place can be written as a model file",
                                      node.name));
      Part part = parts_[static_cast<std::size_t>(index)];
      to = above_[at(to)];
      if (node.in_edges.size() > 1) {
        base::json::array list;
        for (const int in : node.in_edges) list.push_back(json_of(links(to, in, level + 1)));
        part.config["layers"] = std::move(list);
      }
      backwards.push_back({to, std::move(part)});
    }
    std::reverse(backwards.begin(), backwards.end());
    return backwards;
  }

  static base::json::value json_of(const std::vector<Link>& links) {
    if (links.empty()) return base::json::object{{"type", "SkipNode"}};
    base::json::array list;
    for (const Link& link : links) list.push_back(link.part.to_json());
    return list;
  }

  static Part branch_node(int edge) { return {"BranchNode", {{"name", fmt::format("branch_{}", edge)}}, {}}; }

  /// The layers of a branch, with a mark where later ones begin.
  std::vector<Part> layers_of(const Branch& branch) const {
    std::vector<Part> layers;
    if (branch.start >= 0) layers.push_back(branch_node(branch.start));
    const auto mark = [&](int edge) {
      const bool begins =
          std::any_of(branches_.begin(), branches_.end(), [&](const Branch& b) { return b.start == edge; });
      if (begins && edge != branch.start) layers.push_back(branch_node(edge));
    };
    for (const Link& link : branch.links) {
      mark(link.before);
      layers.push_back(link.part);
    }
    mark(branch.end);
    return layers;
  }

  Part tree() const {
    base::json::array list;
    for (const Branch& branch : branches_) {
      base::json::array layers;
      for (const Part& part : layers_of(branch)) layers.push_back(part.to_json());
      list.push_back(std::move(layers));
    }
    return {"Tree", {{"layers", std::move(list)}}, {}};
  }

  const Graph& graph_;
  const std::vector<Part>& parts_;
  std::vector<int> above_, depth_;  ///< of each edge: the one that everything passes before it, and how many there are
  std::set<int> passed_;            ///< edges on the branches so far, apart from inner ones
  std::vector<Branch> branches_;
  Nested nested_;
};

}  // namespace

Nested nested(const Graph& graph, const std::vector<Part>& parts) { return Nesting(graph, parts).of_all_outputs(); }

}  // namespace neon
