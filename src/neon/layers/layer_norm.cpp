#include "neon/layers/normalisation_reference.h"
#include "neon/layers/normalisation_steps.h"
#include "neon/lowering/sequence.h"
#include "neon/onnx_nodes.h"
#include "tensor/normalisation.h"

namespace neon {
namespace {

class LayerNorm final : public UnaryLayer {
 public:
  struct Config {
    double eps = 1e-5;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("eps", &Config::eps, "added to the variance").positive(),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit LayerNorm(const Config& config) : config_(config) {}

  std::optional<std::string> given_name() const override { return config_.name; }
  Sight sight(std::size_t) const override { return Sight::itself; }
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    const std::int64_t features = tensor::element_count(in) / times(in);
    return {{"gamma", {features}, features, 1, false, nullptr, 1.0f},
            {"beta", {features}, features, 1, false, nullptr, 0.0f}};
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const tensor::Shape& in = nodes.node().in();
    const tensor::Shape features = is_sequence(in) ? tensor::Shape{in[0]} : in;
    const std::string x = is_sequence(in) ? nodes.transposed(nodes.in(), {0, 2, 1}) : nodes.in();
    const std::string y = nodes.add(
        "LayerNormalization", {x, nodes.parameter("gamma", features), nodes.parameter("beta", features)},
        {{"axis", -static_cast<std::int64_t>(features.size())}, {"epsilon", static_cast<float>(config_.eps)}});
    return {is_sequence(in) ? nodes.transposed(y, {0, 2, 1}) : y};
  }

  void reference_forward(Reference& r) const override {
    for (const NormalisedSet& set : sets(r)) normalise_forward(r, set, config_.eps);
  }
  void reference_backward(Reference& r) const override {
    for (const NormalisedSet& set : sets(r)) normalise_backward(r, set, config_.eps);
  }
  static std::vector<LayerCase> cases() {
    return {{R"({})", {7}}, {R"({"eps": 0.01})", {40}}, {R"({})", {5, 6}}, {R"({})", {18, 33}}, {R"({})", {16, 3, 4}}};
  }

 private:
  /// Time steps are normalised each by itself.
  static std::int64_t times(const tensor::Shape& in) { return is_sequence(in) ? in[1] : 1; }

  static std::vector<NormalisedSet> sets(const Reference& r) {
    const std::int64_t all = tensor::element_count(r.in()), steps = times(r.in());
    std::vector<NormalisedSet> list(static_cast<std::size_t>(r.n * steps));
    for (std::int64_t i = 0; i < r.n * all; ++i) {
      NormalisedSet& set = list[static_cast<std::size_t>(i / all * steps + i % steps)];
      set.members.push_back(static_cast<std::size_t>(i));
      set.parameters.push_back(static_cast<std::size_t>(i % all / steps));
    }
    return list;
  }
  Config config_;
};

class Steps final : public NormalisationSteps {
 public:
  Steps(const Node& node, float eps) : NormalisationSteps(node), eps_(eps) {}

 private:
  Value ordered(Lowering& lowering, const Value& src) const override {
    const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, src.layout.shape());
    return lowering.in_layout(src, plain, node().name + " input in plain order");
  }
  tensor::Kernel forward_kernel(const tensor::Layout& layout, bool) const override {
    return tensor::layer_norm_forward(layout, eps_);
  }
  tensor::Kernel backward_kernel(const tensor::Layout& layout, bool) const override {
    return tensor::layer_norm_backward(layout);
  }

  float eps_;
};

std::unique_ptr<LayerSteps> LayerNorm::lower(const Group& group) const {
  auto steps = std::make_unique<Steps>(*group.node, static_cast<float>(config_.eps));
  if (!is_sequence(group.node->in())) return steps;
  return std::make_unique<PerStep>(std::move(steps), *group.node);
}

const OnShelf<GraphPart, LayerNorm> registered(
    "LayerNorm", "each example's features to mean beta and deviation gamma",
    R"((features), (features, time steps) or (c, h, w), as it comes out: y = gamma·(x − mean) / sqrt(variance + eps) + beta, with the mean
and the variance of all numbers of the example, of (features, time steps) those of each time step. Nothing depends on the batch, so
prediction computes what training does. Parameters: gamma and beta, one number for each feature, (c·h·w) of maps. Source: Ba, Kiros
and Hinton 2016.)",
    {{"LayerNormalization", ""}});

}  // namespace
}  // namespace neon
