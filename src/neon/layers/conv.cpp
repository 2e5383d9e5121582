#include "neon/layers/compound.h"
#include "neon/layers/window_grammar.h"

namespace neon {
namespace {

class Conv final : public Compound {
 public:
  struct Config {
    ConvolutionShape fshape;
    Part init;
    Strides strides;
    Padding padding;
    Dilation dilation;
    std::int64_t groups = 1;
    std::optional<Part> bias;
    bool batch_norm = false;
    std::optional<Part> activation;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("fshape", &Config::fshape, "window and output maps").required(),
          base::field("init", &Config::init, "how the weights start").required(),
          base::field("strides", &Config::strides, "steps of the window"),
          base::field("padding", &Config::padding, "zeros around the input"),
          base::field("dilation", &Config::dilation, "spread of the window"),
          base::field("groups", &Config::groups, "how many groups of maps see nothing of each other").positive(),
          base::field("bias", &Config::bias, "how the bias starts; none without it"),
          base::field("batch_norm", &Config::batch_norm, "normalise over the batch; not with a bias"),
          base::field("activation", &Config::activation, "what follows"),
          base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Conv(const Config& config)
      : Compound(config.name, config.bias, config.batch_norm, config.activation), config_(config) {}

  Part first() const override {
    return {"Convolution",
            {{"fshape", config_.fshape.to_json()},
             {"init", config_.init.to_json()},
             {"strides", config_.strides.to_json()},
             {"padding", config_.padding.to_json()},
             {"dilation", config_.dilation.to_json()},
             {"groups", config_.groups}},
            {}};
  }
  static std::vector<LayerCase> cases() {
    return {
        {R"({"fshape": [3, 3, 4], "init": "Gaussian", "bias": "Gaussian", "activation": "Tanh"})", {2, 6, 6}},
        {R"({"fshape": [3, 3, 8], "init": "Gaussian", "padding": 1, "batch_norm": true, "activation": "Rectlin"})",
         {8, 6, 6}},
        {R"({"fshape": [3, 3, 8], "init": "Gaussian", "padding": 1, "groups": 8, "bias": "Gaussian", "activation": "Rectlin"})",
         {8, 6, 6}}};
  }

 private:
  Config config_;
};

const OnShelf<GraphPart, Conv> registered(
    "Conv", "Convolution, then Bias or BatchNorm, then Activation",
    R"(A compound: `Convolution`, then `Bias` or `BatchNorm`, then `Activation`, with the arguments of these. Its layers are named after it.)",
    {{"Conv1d", "write Conv with fshape: [1, width, maps]"},
     {"Conv2d", "write Conv with fshape: [height, width, maps]"},
     {"Conv3d", "write Conv with fshape: [depth, height, width, maps]"}});

}  // namespace
}  // namespace neon
