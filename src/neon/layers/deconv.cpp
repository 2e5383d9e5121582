#include "neon/layers/compound.h"
#include "neon/layers/window_grammar.h"

namespace neon {
namespace {

class Deconv final : public Compound {
 public:
  struct Config {
    ConvolutionShape fshape;
    Part init;
    Strides strides;
    Padding padding;
    Dilation dilation;
    std::optional<Part> bias;
    bool batch_norm = false;
    std::optional<Part> activation;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("fshape", &Config::fshape, "window and output maps").required(),
                        base::field("init", &Config::init, "how the weights start").required(),
                        base::field("strides", &Config::strides, "steps of the window over the output"),
                        base::field("padding", &Config::padding, "what is cut off around the output"),
                        base::field("dilation", &Config::dilation, "spread of the window"),
                        base::field("bias", &Config::bias, "how the bias starts; none without it"),
                        base::field("batch_norm", &Config::batch_norm, "normalise over the batch; not with a bias"),
                        base::field("activation", &Config::activation, "what follows"),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Deconv(const Config& config)
      : Compound(config.name, config.bias, config.batch_norm, config.activation), config_(config) {}

  Part first() const override {
    return {"Deconvolution",
            {{"fshape", config_.fshape.to_json()},
             {"init", config_.init.to_json()},
             {"strides", config_.strides.to_json()},
             {"padding", config_.padding.to_json()},
             {"dilation", config_.dilation.to_json()}},
            {}};
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"fshape": [3, 3, 4], "init": "Gaussian", "strides": 2, "bias": "Gaussian", "activation": "Tanh"})",
             {2, 4, 4}},
            {R"({"fshape": [4, 4, 8], "init": "Gaussian", "strides": 2, "padding": 1, "batch_norm": true,
                 "activation": "Rectlin"})",
             {16, 3, 3}}};
  }

 private:
  Config config_;
};

const OnShelf<GraphPart, Deconv> registered(
    "Deconv", "Deconvolution, then Bias or BatchNorm, then Activation",
    R"(A compound: `Deconvolution`, then `Bias` or `BatchNorm`, then `Activation`, with the arguments of these. Its layers are named after
it, the first one too, which neon leaves without the name.)",
    {{"ConvTranspose2d", "write Deconv with fshape: [height, width, maps]"},
     {"Conv2DTranspose", "write Deconv with fshape: [height, width, maps]"},
     {"ConvTranspose3d", "write Deconv with fshape: [depth, height, width, maps]"}});

}  // namespace
}  // namespace neon
