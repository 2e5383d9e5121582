#include "neon/containers/branches.h"

namespace neon {
namespace {

class Sequential final : public Branches {
 public:
  struct Config {
    Branch layers;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("layers", &Config::layers, "the layers in order; lists in it are flattened").required(),
          base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Sequential(const Config& config) : Branches({config.layers}, {}, config.name) {}

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    return build_branch(builder, 0, in);
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"layers": [{"type": "Affine", "config": {"nout": 6, "init": "Gaussian", "activation": "Tanh"}},
                            [{"type": "Bias", "config": {"init": "Gaussian"}}]]})",
             {9}}};
  }
};

const OnShelf<GraphPart, Sequential> registered("Sequential", "layers one after the other",
                                                R"(What a model's `layers` are, for use inside other containers.)");

}  // namespace
}  // namespace neon
