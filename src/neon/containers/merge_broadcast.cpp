#include "neon/containers/branches.h"
#include "neon/layers/merge.h"

namespace neon {
namespace {

class MergeBroadcast final : public Branches {
 public:
  struct Config {
    std::vector<Branch> layers;
    Merge merge = Merge::stack;
    std::vector<double> alphas;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("layers", &Config::layers, "the branches: lists of layers, or single ones").required(),
          base::field("merge", &Config::merge, "how what they give is joined").required(),
          base::field("alphas", &Config::alphas, "factors of the errors that flow back; 1 without"),
          base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit MergeBroadcast(const Config& config)
      : Branches(config.layers, config.alphas, config.name), merge_(config.merge) {}

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    return merge_concat(builder, "MergeBroadcast", given_name(), build_all(builder, in), merge_);
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"merge": "stack", "layers": [{"type": "Linear", "config": {"nout": 5, "init": "Gaussian"}},
                                              {"type": "SkipNode"}]})",
             {7}},
            {R"({"merge": "depth", "alphas": [0.5, 1],
                 "layers": [{"type": "Convolution", "config": {"fshape": [1, 1, 16], "init": "Gaussian"}},
                            [{"type": "Convolution", "config": {"fshape": [3, 3, 32], "padding": 1, "init": "Gaussian"}}]]})",
             {16, 4, 4},
             {},
             false},
            {R"({"merge": "depth",
                 "layers": [{"type": "SkipNode"},
                            {"type": "Pooling", "config": {"fshape": 3, "strides": 1, "padding": 1}}]})",
             {5, 4, 3}},
            {R"({"merge": "depth", "layers": [{"type": "SkipNode"},
                                              {"type": "Linear", "config": {"nout": 3, "init": "Gaussian"}}]})",
             {5, 4}},
            {R"({"merge": "recurrent", "layers": [{"type": "SkipNode"},
                                                  {"type": "Linear", "config": {"nout": 5, "init": "Gaussian"}}]})",
             {5, 4}}};
  }

 private:
  Merge merge_;
};

const OnShelf<GraphPart, MergeBroadcast> registered(
    "MergeBroadcast", "branches that begin at the same place, their outputs joined",
    R"(Every branch gets the same input. `merge: depth` joins feature maps, (C_i, h, w) → (ΣC, h, w); `recurrent` joins time steps,
(F, T_i) → (F, ΣT); `stack` joins everything, flat. `alphas` are factors of what each branch gives back to the common input.)",
    {{"Concat", "write MergeBroadcast with merge: depth"},
     {"Concatenate", "write MergeBroadcast with merge: depth"},
     {"Inception", "write MergeBroadcast with merge: depth"}});

}  // namespace
}  // namespace neon
