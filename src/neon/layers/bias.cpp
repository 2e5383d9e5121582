#include "neon/lowering/channel_order.h"
#include "neon/lowering/unary_steps.h"
#include "neon/onnx_nodes.h"

namespace neon {
namespace {

using tensor::Slot;

class Bias final : public UnaryLayer {
 public:
  struct Config {
    Part init;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("init", &Config::init, "how it starts").required(),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Bias(const Config& config) : config_(config), init_(Shelf<Initializer>::instance().make(config.init)) {}

  std::optional<std::string> given_name() const override { return config_.name; }
  Sight sight(std::size_t) const override { return Sight::itself; }
  bool is_channel_bias() const override { return true; }
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    return {{"W", {in[0]}, in[0], 1, false, init_}};
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    return {nodes.add("Add", {nodes.in(), nodes.parameter("W", nodes.for_features())})};
  }

  void reference_forward(Reference& r) const override {
    for (std::size_t i = 0; i < r.src().size(); ++i) r.dst()[i] = r.src()[i] + r.parameters[0][channel(r, i)];
  }
  void reference_backward(Reference& r) const override {
    r.diff_src() = r.diff_dst();
    for (std::size_t i = 0; i < r.src().size(); ++i) r.gradients[0][channel(r, i)] += r.diff_dst()[i];
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"init": "Gaussian"})", {7}},
            {R"({"init": "Gaussian"})", {5, 3, 4}},
            {R"({"init": "Gaussian"})", {16, 2, 2}},
            {R"({"init": "Gaussian"})", {6, 5}}};
  }

 private:
  static std::size_t channel(const Reference& r, std::size_t i) {
    const auto channels = static_cast<std::size_t>(r.in()[0]);
    return i / (r.src().size() / static_cast<std::size_t>(r.n) / channels) % channels;
  }

  Config config_;
  std::shared_ptr<const Initializer> init_;
};

class Steps final : public UnarySteps {
 public:
  explicit Steps(const Node& node) : node_(node) {}

  Value forward(Lowering& lowering, const Value& src) override {
    const Value x = in_feature_order(lowering, src, node_.name);
    const Value bias = lowering.plain_weights(lowering.parameter(node_, "W"));
    const Value y = lowering.value(x.layout);
    lowering.may_replace(x, y);
    lowering.add(node_.name + " forward", tensor::bias_forward(x.layout),
                 {{Slot::src, x.buffer}, {Slot::bias, bias.buffer}, {Slot::dst, y.buffer}});
    return y;
  }

  Value backward(Lowering& lowering, const Value& diff_dst, bool) override {
    const Parameter& w = lowering.parameter(node_, "W");
    if (!w.wants_gradient()) return diff_dst;
    const Value dy = in_feature_order(lowering, diff_dst, node_.name);
    lowering.add(node_.name + " backward", tensor::bias_backward(dy.layout),
                 {{Slot::diff_dst, dy.buffer}, {Slot::diff_bias, w.gradient}});
    return dy;
  }

 private:
  const Node& node_;
};

std::unique_ptr<LayerSteps> Bias::lower(const Group& group) const { return std::make_unique<Steps>(*group.node); }

const OnShelf<GraphPart, Bias> registered("Bias", "one number added per feature map or feature",
                                          R"((c, …) → (c, …). Parameter: W (c).)");

}  // namespace
}  // namespace neon
