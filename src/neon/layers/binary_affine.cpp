#include "neon/layers/compound.h"

namespace neon {
namespace {

class BinaryAffine final : public Compound {
 public:
  struct Config {
    std::int64_t nout = 0;
    Part init;
    std::optional<Part> bias;
    bool batch_norm = false;
    std::optional<Part> activation;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("nout", &Config::nout, "outputs").positive().required(),
                        base::field("init", &Config::init, "how the weights start").required(),
                        base::field("bias", &Config::bias, "how the bias starts; none without it"),
                        base::field("batch_norm", &Config::batch_norm, "normalise by ShiftBatchNorm; not with a bias"),
                        base::field("activation", &Config::activation, "what follows"),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit BinaryAffine(const Config& config)
      : Compound(config.name, config.bias, config.batch_norm, config.activation), config_(config) {}

  Part first() const override {
    return {"BinaryLinear", {{"nout", config_.nout}, {"init", config_.init.to_json()}}, {}};
  }
  Norm norm() const override { return {"ShiftBatchNorm", "_sbnorm"}; }
  static std::vector<LayerCase> cases() {
    return {{R"({"nout": 6, "init": "Gaussian", "bias": "Gaussian", "activation": "Tanh"})", {9}, {}, false},
            {R"({"nout": 6, "init": "Gaussian", "batch_norm": true, "activation": "Tanh"})", {2, 3, 4}, {}, false}};
  }

 private:
  Config config_;
};

const OnShelf<GraphPart, BinaryAffine> registered(
    "BinaryAffine", "BinaryLinear, then Bias or ShiftBatchNorm, then Activation",
    R"(A compound: `BinaryLinear`, then `Bias` or `ShiftBatchNorm` (named `<name>_sbnorm`), then `Activation`, with the arguments of
these. Its layers are named after it.)");

}  // namespace
}  // namespace neon
