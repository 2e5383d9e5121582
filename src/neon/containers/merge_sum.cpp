#include "neon/containers/branches.h"
#include "neon/layers/merge.h"

namespace neon {
namespace {

class MergeSum final : public Branches {
 public:
  struct Config {
    std::vector<Branch> layers;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("layers", &Config::layers, "the branches: lists of layers, or single ones").required(),
          base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit MergeSum(const Config& config) : Branches(config.layers, {}, config.name) {}

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    return merge_sum(builder, "MergeSum", given_name(), build_all(builder, in));
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"layers": [{"type": "SkipNode"},
                            {"type": "Affine", "config": {"nout": 7, "init": "Gaussian", "activation": "Tanh"}}]})",
             {7}},
            {R"({"layers": [[{"type": "Conv", "config": {"fshape": [3, 3, 8], "padding": 1, "init": "Gaussian",
                                                         "batch_norm": true, "activation": "Rectlin"}},
                             {"type": "Convolution", "config": {"fshape": [3, 3, 8], "padding": 1, "init": "Gaussian"}}],
                            {"type": "Convolution", "config": {"fshape": [1, 1, 8], "init": "Gaussian"}},
                            {"type": "SkipNode"}]})",
             {8, 5, 4}},
            {R"({"layers": [{"type": "Linear", "config": {"nout": 4, "init": "Gaussian"}}]})", {5}},
            {R"({"layers": [[{"type": "MergeSum", "config": {"layers": [
                               {"type": "Convolution", "config": {"fshape": [3, 3, 4], "init": "Gaussian"}},
                               {"type": "Convolution", "config": {"fshape": [3, 3, 4], "init": "Gaussian"}},
                               {"type": "Convolution", "config": {"fshape": [3, 3, 4], "init": "Gaussian"}}]}},
                             {"type": "Activation", "config": {"transform": {"type": "Rectlin", "config": {"slope": 0.1}}}}],
                            [{"type": "MergeSum", "config": {"layers": [
                               {"type": "Convolution", "config": {"fshape": [3, 3, 4], "init": "Gaussian"}}]}},
                             {"type": "Activation", "config": {"transform": "Rectlin"}}]]})",
             {3, 5, 6}}};
  }
};

const OnShelf<GraphPart, MergeSum> registered(
    "MergeSum", "the sum of branches that begin at the same place",
    R"(Every branch gets the same input, and all must give the same shape. With `SkipNode` as one of them it is a residual block:

```text
- type: MergeSum
  config:
    layers:
      - {type: SkipNode}
      - - {type: Conv, config: {fshape: [3, 3, 16], padding: 1, init: {type: Kaiming}, batch_norm: true, activation: {type: Rectlin}}}
        - {type: Conv, config: {fshape: [3, 3, 16], padding: 1, init: {type: Kaiming}, batch_norm: true}}
```)",
    {{"Add", ""}, {"Residual", "write MergeSum with SkipNode as one of its layers"}});

}  // namespace
}  // namespace neon
