#include "neon/layers/convolution_layer.h"

namespace neon {
namespace {

class ConvolutionBias final : public ConvolutionLayer {
 public:
  struct Config : ConvolutionLayer::Config {
    std::optional<Part> bias;
    static constexpr auto fields() {
      return std::tuple_cat(ConvolutionLayer::Config::fields(),
                            std::tuple(base::field("bias", &Config::bias, "how the bias starts; none without it")));
    }
  };
  explicit ConvolutionBias(const Config& config) : ConvolutionLayer(config, config.bias) {}

  static std::vector<LayerCase> cases() {
    return {
        {R"({"fshape": [3, 3, 5], "init": "Gaussian", "bias": "Gaussian"})", {3, 6, 5}},
        {R"({"fshape": [3, 3, 16], "init": "Gaussian", "bias": "Gaussian", "padding": 1, "strides": 2})", {16, 6, 6}},
        {R"({"fshape": [2, 2, 2, 3], "init": "Gaussian", "bias": "Gaussian", "groups": 3})", {3, 3, 4, 3}},
        {R"({"fshape": [3, 3, 4], "init": "Gaussian"})", {2, 5, 5}}};
  }
};

const OnShelf<GraphPart, ConvolutionBias> registered(
    "Convolution_bias", "cross-correlation with K windows, and a bias for each output map",
    R"(`Convolution` and `Bias` in one layer, as files name it that neon made of `Conv` with a bias; both are computed in one step either
way. Parameters: W (c·R·S, K) and weight_bias (K).)");

}  // namespace
}  // namespace neon
