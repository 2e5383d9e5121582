#include "base/error.h"
#include "neon/containers/branches.h"
#include "neon/layers/merge.h"

namespace neon {
namespace {

class MergeMultistream final : public Branches {
 public:
  struct Config {
    std::vector<Branch> layers;
    Merge merge = Merge::stack;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("layers", &Config::layers, "one branch for each input").required(),
                        base::field("merge", &Config::merge, "how what they give is joined").required(),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit MergeMultistream(const Config& config) : Branches(config.layers, {}, config.name), merge_(config.merge) {}

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    if (in.size() != branches_.size())
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("MergeMultistream has {} branches, but {} inputs come in; there must be one for each",
                      branches_.size(), in.size()));
    std::vector<int> outs;
    for (std::size_t i = 0; i < branches_.size(); ++i)
      for (const int edge : build_branch(builder, i, {in[i]})) outs.push_back(edge);
    return merge_concat(builder, "MergeMultistream", given_name(), outs, merge_);
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"merge": "stack", "layers": [{"type": "Linear", "config": {"nout": 5, "init": "Gaussian"}},
                                              {"type": "Linear", "config": {"nout": 4, "init": "Gaussian"}}]})",
             {7},
             {{{3, 2, 2}}}},
            // Each branch takes its input by name, in another order.
            {R"({"merge": "stack", "layers": [[{"type": "Input", "config": {"name": "input_2"}},
                                               {"type": "Linear", "config": {"nout": 5, "init": "Gaussian"}}],
                                              [{"type": "Input", "config": {"name": "input_1"}},
                                               {"type": "Linear", "config": {"nout": 4, "init": "Gaussian"}}]]})",
             {7},
             {{{3, 2, 2}}}}};
  }

 private:
  Merge merge_;
};

const OnShelf<GraphPart, MergeMultistream> registered(
    "MergeMultistream", "one branch for each input of the model, their outputs joined",
    R"(For models with several inputs: the first branch gets the first input, and so on. `merge` as in `MergeBroadcast`.)");

}  // namespace
}  // namespace neon
