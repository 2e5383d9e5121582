#include "neon/layers/convolution_layer.h"

namespace neon {
namespace {

class ConvolutionBias final : public ConvolutionLayer {
 public:
  struct Config {
    ConvolutionShape fshape;
    Strides strides;
    Padding padding;
    Dilation dilation;
    std::int64_t groups = 1;
    Part init;
    std::optional<Part> bias;
    bool bsum = false;
    std::optional<std::string> name;
    std::string parallelism = "Data";
    static constexpr auto fields() {
      return std::tuple(
          base::field("fshape", &Config::fshape, "window and output maps").required(),
          base::field("strides", &Config::strides, "steps of the window"),
          base::field("padding", &Config::padding, "zeros around the input"),
          base::field("dilation", &Config::dilation, "spread of the window"),
          base::field("groups", &Config::groups, "how many groups of maps see nothing of each other").positive(),
          base::field("init", &Config::init, "how the weights start").required(),
          base::field("bias", &Config::bias, "how the bias starts; none without it"),
          base::field("bsum", &Config::bsum, "a hint of neon's, unused"),
          base::field("name", &Config::name, "a name, unique in the model"),
          base::field("parallelism", &Config::parallelism, "a hint of neon's, unused"));
    }
  };
  explicit ConvolutionBias(const Config& config)
      : ConvolutionLayer({config.fshape, config.strides, config.padding, config.dilation, config.groups}, config.init,
                         config.bias),
        name_(config.name) {}

  std::optional<std::string> given_name() const override { return name_; }

  static std::vector<LayerCase> cases() {
    return {
        {R"({"fshape": [3, 3, 5], "init": "Gaussian", "bias": "Gaussian"})", {3, 6, 5}},
        {R"({"fshape": [3, 3, 16], "init": "Gaussian", "bias": "Gaussian", "padding": 1, "strides": 2})", {16, 6, 6}},
        {R"({"fshape": [2, 2, 2, 3], "init": "Gaussian", "bias": "Gaussian", "groups": 3})", {3, 3, 4, 3}},
        {R"({"fshape": [3, 3, 4], "init": "Gaussian"})", {2, 5, 5}}};
  }

 private:
  std::optional<std::string> name_;
};

const OnShelf<GraphPart, ConvolutionBias> registered(
    "Convolution_bias", "cross-correlation with K windows, and a bias for each output map",
    R"(`Convolution` and `Bias` in one layer, as files name it that neon made of `Conv` with a bias; both are computed in one step either
way. Parameters: W (c·R·S, K) and weight_bias (K).)");

}  // namespace
}  // namespace neon
