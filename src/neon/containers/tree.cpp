#include "base/error.h"
#include "neon/containers/branches.h"

namespace neon {
namespace {

/// The first branch is the trunk; the others begin with a BranchNode of an earlier one.
class Tree : public Branches {
 public:
  struct Config {
    std::vector<Branch> layers;
    std::vector<double> alphas;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("layers", &Config::layers,
                                    "the trunk, then branches that begin with a BranchNode of an earlier one")
                            .required(),
                        base::field("alphas", &Config::alphas, "factors of the errors that flow back; 1 without"),
                        base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Tree(const Config& config) : Branches(config.layers, config.alphas, config.name) {
    for (std::size_t i = 1; i < branches_.size(); ++i)
      if (branches_[i].parts.empty() || branches_[i].parts[0].type != "BranchNode")
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("branch {} must begin with a BranchNode that an earlier branch has too", i));
  }

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    std::vector<int> outs;
    for (std::size_t i = 0; i < branches_.size(); ++i)
      for (const int edge : build_branch(builder, i, i == 0 ? in : std::vector<int>())) outs.push_back(edge);
    return outs;
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"alphas": [1, 0.25],
                 "layers": [[{"type": "Affine", "config": {"nout": 6, "init": "Gaussian", "activation": "Tanh"}},
                             {"type": "BranchNode", "config": {"name": "b1"}},
                             {"type": "Linear", "config": {"nout": 4, "init": "Gaussian"}}],
                            [{"type": "BranchNode", "config": {"name": "b1"}},
                             {"type": "Affine", "config": {"nout": 3, "init": "Gaussian", "activation": "Logistic"}}]]})",
             {9},
             {},
             false},
            {R"({"layers": [[{"type": "Linear", "config": {"nout": 6, "init": "Gaussian"}},
                             {"type": "BranchNode", "config": {"name": "b1"}},
                             {"type": "Activation", "config": {"transform": "Tanh"}},
                             {"type": "BranchNode", "config": {"name": "b2"}},
                             {"type": "Linear", "config": {"nout": 4, "init": "Gaussian"}}],
                            [{"type": "BranchNode", "config": {"name": "b1"}},
                             {"type": "Affine", "config": {"nout": 3, "init": "Gaussian", "activation": "Logistic"}}],
                            [{"type": "BranchNode", "config": {"name": "b2"}},
                             {"type": "Dropout", "config": {}}]]})",
             {3, 2, 2}}};
  }
};

/// Predicts with its trunk alone.
class SingleOutputTree final : public Tree {
 public:
  using Tree::Tree;
  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    builder.predict_main_output_only();
    return Tree::build(builder, in);
  }
};

const OnShelf<GraphPart, Tree> registered_tree(
    "Tree", "a trunk and branches, each with an output of its own",
    R"(The first branch is the trunk. Every other one begins with a `BranchNode` whose name an earlier branch has too, and takes what
passes there. A Tree has as many outputs as branches and needs a `Multicost` with a cost for each. `alphas` are factors of
what each branch gives back where it begins.)");
const OnShelf<GraphPart, SingleOutputTree> registered_single(
    "SingleOutputTree", "a Tree that predicts with its trunk alone",
    R"(In training as `Tree`; evaluation and prediction compute the first branch only.)");

}  // namespace
}  // namespace neon
