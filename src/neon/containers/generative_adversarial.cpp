#include "base/error.h"
#include "neon/containers/branches.h"

namespace neon {
namespace {

/// What of a GenerativeAdversarial and what of a WGAN stands in a file when it says nothing.
struct Defaults {
  std::int64_t k;
  std::optional<double> param_clamp;
};

/// 128 or [2, 7, 7].
struct NoiseShape {
  tensor::Shape extents;

  static NoiseShape from_json(const base::json::value& value, std::string_view where) {
    NoiseShape shape;
    if (value.is_array())
      shape.extents = base::decode<tensor::Shape>(value, where);
    else
      shape.extents.push_back(base::decode<std::int64_t>(value, where));
    if (shape.extents.empty())
      throw base::Error(base::Code::invalid_argument,
                        "noise_dim is empty; expected a number or extents such as [2, 7, 7]", std::string(where));
    for (const std::int64_t extent : shape.extents)
      if (extent < 1)
        throw base::Error(base::Code::invalid_argument, fmt::format("extents must be positive, got {}", extent),
                          std::string(where));
    return shape;
  }
  base::json::value to_json() const { return base::encode(extents); }
  static base::json::object schema() {
    const base::json::object number{{"type", "integer"}, {"minimum", 1}};
    return {{"anyOf", base::json::array{number, base::json::object{{"type", "array"}, {"items", number}}}}};
  }
};

template <const Defaults& kDefaults>
class GenerativeAdversarial final : public GraphPart {
 public:
  struct Config {
    Branch generator, discriminator;
    NoiseShape noise_dim;
    tensor::Noise noise_type = tensor::Noise::normal;
    std::int64_t k = kDefaults.k;
    std::optional<double> wgan_param_clamp = kDefaults.param_clamp;
    bool wgan_train_sched = false;
    std::optional<std::string> name;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("generator", &C::generator, "layers from noise to what should pass for an exemplar").required(),
          base::field("discriminator", &C::discriminator, "layers from an exemplar to what it is taken for").required(),
          base::field("noise_dim", &C::noise_dim, "what the generator begins with: a number or extents").required(),
          base::field("noise_type", &C::noise_type, "normal: mean 0, deviation 1; uniform: from -1 to 1"),
          base::field("k", &C::k, "steps of the discriminator for one of the generator").range(1, 1'000'000),
          base::field("wgan_param_clamp", &C::wgan_param_clamp,
                      "the discriminator's parameters are kept within ± this; none: they are free"),
          base::field("wgan_train_sched", &C::wgan_train_sched,
                      "100 steps instead of `k` for each of the generator's first 25 and for every 500th"),
          base::field("name", &C::name, "a name; for reading only"));
    }
  };
  explicit GenerativeAdversarial(const Config& config) : config_(config) {
    if (config.wgan_param_clamp && !(*config.wgan_param_clamp > 0))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("wgan_param_clamp must be positive, got {}", *config.wgan_param_clamp));
  }

  std::optional<std::string> given_name() const override { return config_.name; }
  std::vector<Part> inner_parts() const override {
    std::vector<Part> all = config_.generator.parts;
    all.insert(all.end(), config_.discriminator.parts.begin(), config_.discriminator.parts.end());
    return all;
  }

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    if (in.size() != 1 || builder.inputs() != in)
      throw base::Error(base::Code::invalid_argument, "it must be the only part of the model's layers, with one input");
    Adversaries game{.noise = builder.add_noise({config_.noise_dim.extents}),
                     .noise_type = config_.noise_type,
                     .k = config_.k,
                     .sparse_start = config_.wgan_train_sched,
                     .param_clamp = config_.wgan_param_clamp};
    game.generator_begin = static_cast<std::int64_t>(builder.node_count());
    const int made = single(builder.add(config_.generator.parts, {game.noise}), "generator");
    game.generator_end = static_cast<std::int64_t>(builder.node_count());
    if (builder.spec_of(made).shape != builder.spec_of(in[0]).shape)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("the generator makes {}, but the data are {}; they must be alike",
                      tensor::text(builder.spec_of(made).shape), tensor::text(builder.spec_of(in[0]).shape)));
    const std::size_t first = builder.node_count();
    const int said = single(builder.add(config_.discriminator.parts, {made}), "discriminator");
    if (game.generator_begin == game.generator_end || builder.node_count() == first)
      throw base::Error(base::Code::invalid_argument, "generator and discriminator need at least one layer each");
    const int said_of_data = single(builder.add_again(config_.discriminator.parts, in, first), "discriminator");
    builder.set_adversaries(game);
    builder.predict_main_output_only();
    return {made, said, said_of_data};
  }

  static std::vector<LayerCase> cases() {
    return {{R"({"noise_dim": 5, "k": 2,
             "generator": [{"type": "Affine", "config": {"nout": 8, "init": "Gaussian", "bias": "Gaussian", "activation": "Tanh"}},
                           {"type": "Linear", "config": {"nout": 6, "init": "Gaussian"}}],
             "discriminator": [{"type": "Affine", "config": {"nout": 7, "init": "Gaussian", "activation": "Tanh"}},
                               {"type": "Affine", "config": {"nout": 1, "init": "Gaussian", "bias": "Gaussian", "activation": "Logistic"}}]})",
             {6}},
            {R"({"noise_dim": [2, 3, 3], "noise_type": "uniform",
             "generator": [{"type": "Deconv", "config": {"fshape": [3, 3, 4], "init": "Gaussian", "batch_norm": true, "activation": "Tanh"}},
                           {"type": "Conv", "config": {"fshape": [3, 3, 1], "padding": 1, "init": "Gaussian", "activation": "Tanh"}}],
             "discriminator": [{"type": "Conv", "config": {"fshape": [3, 3, 4], "strides": 2, "init": "Gaussian", "batch_norm": true, "activation": "Tanh"}},
                               {"type": "MergeSum", "config": {"layers": [[{"type": "SkipNode"}],
                                  [{"type": "Conv", "config": {"fshape": [3, 3, 4], "padding": 1, "init": "Gaussian", "bias": "Gaussian"}}]]}},
                               {"type": "Dropout", "config": {"keep": 0.8}},
                               {"type": "LayerNorm", "config": {}},
                               {"type": "Affine", "config": {"nout": 1, "init": "Gaussian", "bias": "Gaussian"}}]})",
             {1, 5, 5}}};
  }

 private:
  static int single(const std::vector<int>& edges, std::string_view which) {
    if (edges.size() == 1) return edges[0];
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the {} has {} outputs; it must have one", which, edges.size()));
  }

  Config config_;
};

constexpr Defaults kUsual{1, {}}, kWasserstein{5, 0.01};

const OnShelf<GraphPart, GenerativeAdversarial<kUsual>> registered(
    "GenerativeAdversarial", "a generator and a discriminator that train against each other",
    R"(The generator makes of noise what should pass for data; the discriminator tells the two apart (Goodfellow et al. 2014). It is the only
part of a model's `layers` and trains with a `GANCost`. A step draws noise, and the discriminator learns from what the generator makes of it and
from the batch, each with its own statistics in a `BatchNorm`; after every `k`th step the generator learns from new noise through the
discriminator, which does not. Both follow the model's optimizer; a `MultiOptimizer` has other rules for one of them, by the names of layers.
What a rule counts, such as Adam's t, it counts for each of the two.

Targets in the data are not read, and there is no evaluation. The model predicts with its generator alone, from noise: `neon predict` of
its checkpoint draws some.)");
const OnShelf<GraphPart, GenerativeAdversarial<kWasserstein>> registered_wgan(
    "WGAN", "a GenerativeAdversarial with the defaults of Wasserstein's distance",
    R"(The discriminator, here called a critic, gives a number without bounds and is trained further than the generator; its parameters are
kept small, so that it cannot be arbitrarily steep (Arjovsky et al. 2017, algorithm 1: after each of its updates). For `GANCost(func: wasserstein)`.)");

}  // namespace
}  // namespace neon
