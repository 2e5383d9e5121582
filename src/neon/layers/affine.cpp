#include "neon/layers/compound.h"

namespace neon {
namespace {

class Affine final : public Compound {
 public:
  struct Config {
    std::int64_t nout = 0;
    Part init;
    std::optional<Part> bias;
    bool batch_norm = false;
    std::optional<Part> activation;
    std::optional<std::string> name;
    std::string parallelism = "Disabled";
    static constexpr auto fields() {
      return std::tuple(base::field("nout", &Config::nout, "outputs").positive().required(),
                        base::field("init", &Config::init, "how the weights start").required(),
                        base::field("bias", &Config::bias, "how the bias starts; none without it"),
                        base::field("batch_norm", &Config::batch_norm, "normalise over the batch; not with a bias"),
                        base::field("activation", &Config::activation, "what follows"),
                        base::field("name", &Config::name, "a name, unique in the model"),
                        base::field("parallelism", &Config::parallelism, "a hint of neon's, unused"));
    }
  };
  explicit Affine(const Config& config)
      : Compound(config.name, config.bias, config.batch_norm, config.activation), config_(config) {}

  Part first() const override { return {"Linear", {{"nout", config_.nout}, {"init", config_.init.to_json()}}, {}}; }
  static std::vector<LayerCase> cases() {
    return {{R"({"nout": 6, "init": "Gaussian", "bias": "Gaussian", "activation": "Tanh"})", {9}},
            {R"({"nout": 6, "init": "Gaussian", "batch_norm": true, "activation": "Rectlin"})", {2, 3, 4}}};
  }

 private:
  Config config_;
};

const OnShelf<GraphPart, Affine> registered(
    "Affine", "Linear, then Bias or BatchNorm, then Activation",
    R"(A compound: `Linear`, then `Bias` or `BatchNorm`, then `Activation`, with the arguments of these. Its layers are named after it.)",
    {{"Dense", ""}, {"FullyConnected", ""}, {"InnerProduct", ""}});

}  // namespace
}  // namespace neon
