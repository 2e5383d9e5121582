#include "neon/lowering/channel_order.h"
#include "neon/lowering/unary_steps.h"
#include "neon/onnx_nodes.h"
#include "tensor/channel_slope.h"

namespace neon {
namespace {

using tensor::Slot;

class PReLU final : public UnaryLayer {
 public:
  struct Config {
    Part init{"Constant", {{"val", 0.25}}, {}};
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("init", &Config::init, "how the slopes start"),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit PReLU(const Config& config) : name_(config.name), init_(Shelf<Initializer>::instance().make(config.init)) {}

  std::optional<std::string> given_name() const override { return name_; }
  Sight sight(std::size_t) const override { return Sight::itself; }
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    return {{"W", {in[0]}, in[0], 1, false, init_}};
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    return {nodes.add("PRelu", {nodes.in(), nodes.parameter("W", nodes.for_features())})};
  }

  void reference_forward(Reference& r) const override {
    for (std::size_t i = 0; i < r.src().size(); ++i) {
      const double x = r.src()[i];
      r.dst()[i] = x > 0 ? x : r.parameters[0][channel(r, i)] * x;
    }
  }
  void reference_backward(Reference& r) const override {
    for (std::size_t i = 0; i < r.src().size(); ++i) {
      const double x = r.src()[i], dy = r.diff_dst()[i];
      r.diff_src()[i] = x > 0 ? dy : r.parameters[0][channel(r, i)] * dy;
      if (x < 0) r.gradients[0][channel(r, i)] += dy * x;
    }
  }
  static std::vector<LayerCase> cases() {
    return {{"{}", {7}}, {R"({"init": "Uniform"})", {5, 7, 6}}, {"{}", {16, 2, 2}}, {"{}", {3, 8}}};
  }

 private:
  static std::size_t channel(const Reference& r, std::size_t i) {
    const auto channels = static_cast<std::size_t>(r.in()[0]);
    return i / (r.src().size() / static_cast<std::size_t>(r.n) / channels) % channels;
  }

  std::optional<std::string> name_;
  std::shared_ptr<const Initializer> init_;
};

class Steps final : public UnarySteps {
 public:
  explicit Steps(const Node& node) : node_(node) {}

  Value forward(Lowering& lowering, const Value& src) override {
    src_ = in_channel_order(lowering, src, node_.name);
    const Value slopes = lowering.plain_weights(lowering.parameter(node_, "W"));
    const Value y = lowering.value(src_.layout);
    lowering.may_replace(src_, y);
    lowering.add(node_.name + " forward", tensor::channel_slope_forward(src_.layout),
                 {{Slot::src, src_.buffer}, {Slot::weights, slopes.buffer}, {Slot::dst, y.buffer}});
    return y;
  }

  Value backward(Lowering& lowering, const Value& diff_dst, bool) override {
    Parameter& parameter = lowering.parameter(node_, "W");
    const Value slopes = lowering.plain_weights(parameter);
    const Value dy = lowering.in_layout(diff_dst, src_.layout, node_.name + " error in another order");
    const Value dx = lowering.value(src_.layout);
    lowering.may_replace(dy, dx);
    lowering.add(node_.name + " backward", tensor::channel_slope_backward(src_.layout),
                 {{Slot::src, src_.buffer},
                  {Slot::weights, slopes.buffer},
                  {Slot::diff_dst, dy.buffer},
                  {Slot::diff_src, dx.buffer},
                  {Slot::diff_weights, parameter.gradient}});
    return dx;
  }

 private:
  const Node& node_;
  Value src_;
};

std::unique_ptr<LayerSteps> PReLU::lower(const Group& group) const { return std::make_unique<Steps>(*group.node); }

const OnShelf<GraphPart, PReLU> registered(
    "PReLU", "x > 0 ? x : W·x, with a learned slope per feature map or feature",
    R"((c, …) → (c, …). Parameter: W (c). He, Zhang, Ren and Sun 2015. It begins with slopes of 0.25 as there.)");

}  // namespace
}  // namespace neon
