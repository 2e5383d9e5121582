#include "base/error.h"
#include "neon/lowering/unary_steps.h"
#include "neon/onnx_nodes.h"
#include "tensor/attention.h"

namespace neon {
namespace {

using tensor::Slot;

class PositionEncoding final : public UnaryLayer {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit PositionEncoding(const Config& config) : name_(config.name) {}

  std::optional<std::string> given_name() const override { return name_; }
  Sight sight(std::size_t) const override { return Sight::before; }  // it counts them
  tensor::Shape out_shape(const tensor::Shape& in) const override {
    if (in.size() != 2)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("it needs a sequence (features, time steps), got {}", tensor::text(in)));
    return in;
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const std::int64_t features = nodes.node().in()[0], steps = nodes.node().in()[1];
    std::vector<float> positions;
    for (std::int64_t i = 0; i < features * steps; ++i)
      positions.push_back(static_cast<float>(tensor::position(i / steps, features, i % steps)));
    return {nodes.add("Add", {nodes.in(), nodes.constant("positions", {features, steps}, std::move(positions))})};
  }

  void reference_forward(Reference& r) const override {
    const std::int64_t features = r.in()[0], steps = r.in()[1];
    for (std::size_t i = 0; i < r.src().size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      r.dst()[i] = r.src()[i] + tensor::position(at / steps % features, features, at % steps);
    }
  }
  void reference_backward(Reference& r) const override { r.diff_src() = r.diff_dst(); }

  static std::vector<LayerCase> cases() { return {{"{}", {6, 5}}, {"{}", {3, 20}}}; }

 private:
  std::optional<std::string> name_;
};

class Steps final : public UnarySteps {
 public:
  explicit Steps(const Node& node) : name_(node.name) {}

  Value forward(Lowering& lowering, const Value& src) override {
    const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, src.layout.shape());
    const Value x = lowering.in_layout(src, plain, name_ + " input in plain order");
    const Value y = lowering.value(plain);
    lowering.may_replace(x, y);
    lowering.add(name_ + " forward", tensor::positions_added(plain), {{Slot::src, x.buffer}, {Slot::dst, y.buffer}});
    return y;
  }
  Value backward(Lowering&, const Value& diff_dst, bool) override { return diff_dst; }

 private:
  std::string name_;
};

std::unique_ptr<LayerSteps> PositionEncoding::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node);
}

const OnShelf<GraphPart, PositionEncoding> registered(
    "PositionEncoding", "adds to each step of a sequence what tells it from the others",
    R"((features, time steps), as it comes out: y = x + sin(t/10000^(f/F)) for even features f of F, and for the odd one after it the
cosine of the same angle. Nothing is learned. Vaswani et al. 2017.)",
    {{"PositionalEncoding", ""}});

}  // namespace
}  // namespace neon
