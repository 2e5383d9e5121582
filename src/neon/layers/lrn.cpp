#include <cmath>

#include "base/error.h"
#include "neon/lowering/unary_steps.h"
#include "neon/onnx_nodes.h"
#include "tensor/normalisation.h"

namespace neon {
namespace {

using tensor::Slot;

class Lrn final : public UnaryLayer {
 public:
  struct Config {
    std::int64_t depth = 0;
    double alpha = 1, beta = 0, ascale = 1, bpower = 1;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("depth", &Config::depth, "how many maps around, odd").positive().required(),
                        base::field("alpha", &Config::alpha, "a hint of neon's, unused"),
                        base::field("beta", &Config::beta, "a hint of neon's, unused"),
                        base::field("ascale", &Config::ascale, "factor of the mean square").at_least(0),
                        base::field("bpower", &Config::bpower, "power of the denominator"),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Lrn(const Config& config) : config_(config) {
    if (config.depth % 2 == 0)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("depth must be odd, as many maps before as after, got {}", config.depth));
  }

  std::optional<std::string> given_name() const override { return config_.name; }
  tensor::Shape out_shape(const tensor::Shape& in) const override {
    if (in.size() < 3)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("LRN needs feature maps, (c, h, w) or (c, d, h, w), got {}", tensor::text(in)));
    return in;
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    if (config_.ascale == 0) return {nodes.in()};
    const tensor::Shape& in = nodes.node().in();
    const bool has_depth = in.size() == 4;  // the operator takes (n, c, h, w) only
    const std::string x = has_depth ? nodes.shaped(nodes.in(), {in[0], in[1] * in[2], in[3]}) : nodes.in();
    const std::string y = nodes.add("LRN", {x},
                                    {{"size", config_.depth},
                                     {"alpha", static_cast<float>(config_.ascale)},
                                     {"beta", static_cast<float>(config_.bpower)},
                                     {"bias", 1.0f}});
    return {has_depth ? nodes.shaped(y, in) : y};
  }

  void reference_forward(Reference& r) const override {
    for_each(r, [&](std::size_t i, const auto& around) {
      r.dst()[i] = r.src()[i] * std::pow(denominator(r, around), -config_.bpower);
    });
  }
  /// By the chain rule from each output to the inputs around it.
  void reference_backward(Reference& r) const override {
    const double share = config_.ascale / static_cast<double>(config_.depth);
    for_each(r, [&](std::size_t o, const auto& around) {
      const double d = denominator(r, around);
      r.diff_src()[o] += r.diff_dst()[o] * std::pow(d, -config_.bpower);
      for (const std::size_t i : around)
        r.diff_src()[i] -=
            r.diff_dst()[o] * r.src()[o] * config_.bpower * std::pow(d, -config_.bpower - 1) * 2 * share * r.src()[i];
    });
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"depth": 5, "ascale": 0.5, "bpower": 0.75})", {16, 4, 5}},
            {R"({"depth": 3})", {4, 3, 7}},
            {R"({"depth": 7, "ascale": 2, "bpower": 0.5})", {5, 2, 3, 2}},
            {R"({"depth": 1, "ascale": 1, "bpower": 1.3})", {3, 2, 2}}};
  }

 private:
  double denominator(const Reference& r, const std::vector<std::size_t>& around) const {
    double sum = 0;
    for (const std::size_t i : around) sum += r.src()[i] * r.src()[i];
    return 1 + config_.ascale / static_cast<double>(config_.depth) * sum;
  }

  /// visit(place, places of the maps around at the same position).
  template <class Visit>
  void for_each(const Reference& r, const Visit& visit) const {
    const std::int64_t channels = r.in()[0], positions = tensor::element_count(r.in()) / channels;
    for (std::int64_t i = 0; i < r.n * channels * positions; ++i) {
      const std::int64_t c = i / positions % channels;
      std::vector<std::size_t> around;
      for (std::int64_t k = -(config_.depth / 2); k <= config_.depth / 2; ++k)
        if (c + k >= 0 && c + k < channels) around.push_back(static_cast<std::size_t>(i + k * positions));
      visit(static_cast<std::size_t>(i), around);
    }
  }
  Config config_;
};

class Steps final : public UnarySteps {
 public:
  Steps(const Node& node, tensor::LocalResponse how) : node_(node), how_(how) {}

  Value forward(Lowering& lowering, const Value& src) override {
    const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, src.layout.shape());
    x_ = lowering.in_layout(src, plain, node_.name + " input in plain order");
    how_.n = lowering.batch_size();
    const tensor::Kernel kernel = tensor::local_response_forward(plain, how_);
    denominators_ = lowering.workspace(kernel);
    y_ = lowering.value(plain);
    lowering.add(node_.name + " forward", kernel,
                 {{Slot::src, x_.buffer}, {Slot::dst, y_.buffer}, {Slot::workspace, denominators_}});
    return y_;
  }

  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) override {
    if (!wants_diff_src) return {};
    const Value dy = lowering.in_layout(diff_dst, x_.layout, node_.name + " error in another order");
    const Value dx = lowering.value(x_.layout);
    lowering.add(node_.name + " backward", tensor::local_response_backward(x_.layout, how_),
                 {{Slot::src, x_.buffer},
                  {Slot::dst, y_.buffer},
                  {Slot::diff_dst, dy.buffer},
                  {Slot::workspace, denominators_},
                  {Slot::diff_src, dx.buffer}});
    return dx;
  }

 private:
  const Node& node_;
  tensor::LocalResponse how_;
  Value x_, y_;
  int denominators_ = -1;
};

std::unique_ptr<LayerSteps> Lrn::lower(const Group& group) const {
  const tensor::Shape& in = group.node->in();
  return std::make_unique<Steps>(
      *group.node, tensor::LocalResponse{0, in[0], tensor::element_count(in) / in[0], config_.depth,
                                         static_cast<float>(config_.ascale), static_cast<float>(config_.bpower)});
}

const OnShelf<GraphPart, Lrn> registered(
    "LRN", "local response normalisation across feature maps",
    R"((c, h, w) → (c, h, w): y = x · (1 + ascale/depth · Σ x²)^(−bpower), where the sum goes over the `depth` maps around, at the same
position; maps beyond the first and the last count as zeros. Source: Krizhevsky, Sutskever and Hinton 2012.)",
    {{"LocalResponseNorm", "write LRN with depth: size, ascale: alpha and bpower: beta"}});

}  // namespace
}  // namespace neon
