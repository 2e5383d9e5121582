#include "base/error.h"
#include "neon/layers/normalisation_reference.h"
#include "neon/layers/normalisation_steps.h"
#include "neon/lowering/channel_order.h"
#include "neon/onnx_nodes.h"
#include "tensor/normalisation.h"

namespace neon {
namespace {

class GroupNorm final : public UnaryLayer {
 public:
  struct Config {
    std::int64_t groups = 0;
    double eps = 1e-5;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("groups", &Config::groups, "how many groups the feature maps fall into").positive().required(),
          base::field("eps", &Config::eps, "added to the variance").positive(),
          base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit GroupNorm(const Config& config) : config_(config) {}

  std::optional<std::string> given_name() const override { return config_.name; }
  tensor::Shape out_shape(const tensor::Shape& in) const override {
    if (in[0] % config_.groups != 0)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("the {} maps of the input {} do not fall into {} groups of as many each", in[0],
                                    tensor::text(in), config_.groups));
    return in;
  }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    return {{"gamma", {in[0]}, in[0], 1, false, nullptr, 1.0f}, {"beta", {in[0]}, in[0], 1, false, nullptr, 0.0f}};
  }
  bool absorbs(const Transform& next) const override {
    const auto function = next.vendor_function();
    return function && function->function == tensor::Function::rectlin;
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const tensor::Shape& in = nodes.node().in();
    const auto each = [&](float value) { return std::vector<float>(static_cast<std::size_t>(config_.groups), value); };
    const std::string y = nodes.add(
        "InstanceNormalization",
        {nodes.shaped(nodes.in(), {config_.groups, tensor::element_count(in) / config_.groups}),
         nodes.constant("ones", {config_.groups}, each(1)), nodes.constant("zeros", {config_.groups}, each(0))},
        {{"epsilon", static_cast<float>(config_.eps)}});
    const std::string scaled = nodes.add("Mul", {nodes.shaped(y, in), nodes.parameter("gamma", nodes.for_features())});
    return {nodes.add("Add", {scaled, nodes.parameter("beta", nodes.for_features())})};
  }

  void reference_forward(Reference& r) const override {
    for (const NormalisedSet& set : sets(r)) normalise_forward(r, set, config_.eps);
  }
  void reference_backward(Reference& r) const override {
    for (const NormalisedSet& set : sets(r)) normalise_backward(r, set, config_.eps);
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"groups": 2})", {6}},
            {R"({"groups": 3, "eps": 0.01})", {12, 3, 5}},
            {R"({"groups": 4})", {16, 4, 4}},
            {R"({"groups": 5})", {5, 2, 3, 2}},
            {R"({"groups": 1})", {8, 9}}};
  }

 private:
  std::vector<NormalisedSet> sets(const Reference& r) const {
    const std::int64_t channels = r.in()[0], positions = tensor::element_count(r.in()) / channels;
    const std::int64_t run = channels / config_.groups * positions;
    std::vector<NormalisedSet> list(static_cast<std::size_t>(r.n * config_.groups));
    for (std::int64_t i = 0; i < r.n * channels * positions; ++i) {
      NormalisedSet& set = list[static_cast<std::size_t>(i / run)];
      set.members.push_back(static_cast<std::size_t>(i));
      set.parameters.push_back(static_cast<std::size_t>(i / positions % channels));
    }
    return list;
  }
  Config config_;
};

class Steps final : public NormalisationSteps {
 public:
  Steps(const Group& group, tensor::GroupNormalisation how) : NormalisationSteps(*group.node), how_(how) {
    if (const auto then = group.then()) how_.slope = then->transform->vendor_function()->slope;
  }

 private:
  Value ordered(Lowering& lowering, const Value& src) const override {
    return in_channel_order(lowering, src, node().name);
  }
  tensor::Kernel forward_kernel(const tensor::Layout& layout, bool) const override {
    return tensor::group_norm_forward(layout, how_);
  }
  tensor::Kernel backward_kernel(const tensor::Layout& layout, bool) const override {
    return tensor::group_norm_backward(layout, how_);
  }

  tensor::GroupNormalisation how_;
};

std::unique_ptr<LayerSteps> GroupNorm::lower(const Group& group) const {
  return std::make_unique<Steps>(group, tensor::GroupNormalisation{config_.groups, static_cast<float>(config_.eps)});
}

const OnShelf<GraphPart, GroupNorm> registered(
    "GroupNorm", "groups of each example's feature maps to mean beta and deviation gamma",
    R"((c, …) → (c, …): the maps fall into `groups` of c/groups neighbours, and y = gamma·(x − mean) / sqrt(variance + eps) + beta with
the mean and the variance of each group of each example. Nothing depends on the batch, so prediction computes what training does.
Parameters: gamma and beta, each (c). Source: Wu and He 2018.)",
    {{"InstanceNorm2d", "write GroupNorm with groups: as many as its input has maps"}});

}  // namespace
}  // namespace neon
