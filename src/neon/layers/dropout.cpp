#include "base/error.h"
#include "neon/lowering/channel_order.h"
#include "neon/lowering/unary_steps.h"
#include "neon/onnx_nodes.h"

namespace neon {
namespace {

using tensor::Slot;

class Dropout final : public UnaryLayer {
 public:
  struct Config {
    double keep = 0.5;
    bool inverted = false;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("keep", &Config::keep, "chance of a unit to survive").range(0, 1),
                        base::field("inverted", &Config::inverted,
                                    "training divides what it keeps by `keep`, so that prediction changes nothing"),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Dropout(const Config& config) : config_(config) {
    if (config.inverted && config.keep == 0)
      throw base::Error(base::Code::invalid_argument, "keep must be over 0 with inverted, which divides by it");
  }

  std::optional<std::string> given_name() const override { return config_.name; }
  Sight sight(std::size_t) const override { return Sight::itself; }
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const auto scale = static_cast<float>(factor(false));
    if (scale == 1) return {nodes.in()};
    return {nodes.add("Mul", {nodes.in(), nodes.constant("keep", {}, {scale})})};
  }

  void reference_forward(Reference& r) const override {
    for (std::size_t i = 0; i < r.src().size(); ++i)
      r.dst()[i] = r.src()[i] * (!r.training ? factor(false) : kept(r, i) ? factor(true) : 0);
  }
  void reference_backward(Reference& r) const override {
    for (std::size_t i = 0; i < r.src().size(); ++i) r.diff_src()[i] = kept(r, i) ? factor(true) * r.diff_dst()[i] : 0;
  }
  static std::vector<LayerCase> cases() {
    return {{R"({})", {37}},
            {R"({"keep": 0.8})", {10, 3, 3}},
            {R"({"keep": 1})", {4}},
            {R"({})", {6, 5}},
            {R"({"keep": 0.8, "inverted": true})", {20}}};
  }

 private:
  double factor(bool training) const {
    if (training) return config_.inverted ? 1 / config_.keep : 1;
    return config_.inverted ? 1 : config_.keep;
  }
  bool kept(const Reference& r, std::size_t i) const {
    return tensor::survives({config_.keep, static_cast<std::uint64_t>(r.layer_index)}, r.seed, r.step,
                            static_cast<std::int64_t>(i));
  }
  Config config_;
};

class Steps final : public UnarySteps {
 public:
  Steps(const Node& node, double keep, bool inverted) : node_(node), keep_(keep), inverted_(inverted) {}

  Value forward(Lowering& lowering, const Value& src) override {
    if (!lowering.training() && inverted_) return src;
    const Value x = in_feature_order(lowering, src, node_.name);
    const Value y = lowering.value(x.layout);
    lowering.may_replace(x, y);
    if (!lowering.training()) {
      // Training leaves kept units as they are, so prediction scales them.
      lowering.add(node_.name + " forward", tensor::scaled(x.layout, static_cast<float>(keep_)),
                   {{Slot::src, x.buffer}, {Slot::dst, y.buffer}});
      return y;
    }
    const tensor::Kernel kernel = tensor::dropout_forward(x.layout, dropping());
    mask_ = lowering.workspace(kernel);
    lowering.add(node_.name + " forward", kernel,
                 {{Slot::src, x.buffer}, {Slot::workspace, mask_}, {Slot::dst, y.buffer}});
    return y;
  }

  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) override {
    if (!wants_diff_src) return {};
    const Value dy = in_feature_order(lowering, diff_dst, node_.name);
    const Value dx = lowering.value(dy.layout);
    lowering.may_replace(dy, dx);
    lowering.add(node_.name + " backward", tensor::dropout_backward(dy.layout, dropping()),
                 {{Slot::diff_dst, dy.buffer}, {Slot::workspace, mask_}, {Slot::diff_src, dx.buffer}});
    return dx;
  }

 private:
  tensor::Dropping dropping() const {
    return {keep_, static_cast<std::uint64_t>(node_.index), inverted_ ? static_cast<float>(1 / keep_) : 1.0f};
  }

  const Node& node_;
  double keep_;
  bool inverted_;
  int mask_ = -1;
};

std::unique_ptr<LayerSteps> Dropout::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, config_.keep, config_.inverted);
}

const OnShelf<GraphPart, Dropout> registered(
    "Dropout", "training: units dropped at random, the others unscaled; prediction: y = x·keep",
    R"(In training a unit is kept with chance `keep` and not scaled; otherwise all are multiplied by `keep`. With `inverted` training gives
x/keep for what it keeps, and prediction x: as PyTorch, Keras and Caffe have it.)",
    {{"Dropout2d", ""}});

}  // namespace
}  // namespace neon
