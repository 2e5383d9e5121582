#include "base/error.h"
#include "neon/layers/window_grammar.h"
#include "neon/layers/window_onnx.h"
#include "neon/lowering/unary_steps.h"
#include "tensor/batch.h"
#include "tensor/grouped_convolution.h"
#include "tensor/parallel.h"
#include "tensor/threads.h"

namespace neon {
namespace {

using tensor::Slot;
using tensor::Volume;

/// Everything here is that of a convolution whose input is this layer's output: `sliding_` slides over the output, and
/// each of its positions is one of the input.
class Deconvolution final : public UnaryLayer {
 public:
  struct Config {
    ConvolutionShape fshape;
    Strides strides;
    Padding padding;
    Dilation dilation;
    Part init;
    bool bsum = false;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("fshape", &Config::fshape, "window and output maps").required(),
                        base::field("strides", &Config::strides, "steps of the window over the output"),
                        base::field("padding", &Config::padding, "what is cut off around the output"),
                        base::field("dilation", &Config::dilation, "spread of the window"),
                        base::field("init", &Config::init, "how the weights start").required(),
                        base::field("bsum", &Config::bsum, "a hint of neon's, unused"),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Deconvolution(const Config& config)
      : config_(config),
        sliding_{config.fshape.window,
                 {config.strides.d.value_or(1), config.strides.h.value_or(1), config.strides.w.value_or(1)},
                 config.padding.extent,
                 config.dilation.extent},
        init_(Shelf<Initializer>::instance().make(config.init)) {}

  std::optional<std::string> given_name() const override { return config_.name; }

  tensor::Shape out_shape(const tensor::Shape& in) const override {
    const PerDimension& p = Volume::of(in, "a deconvolution").extent;
    if (in.size() == 3 && config_.fshape.has_depth)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("fshape has a depth (T), but the input {} has none", tensor::text(in)));
    const tensor::Sliding& s = sliding_;
    const PerDimension out{extent(p.d, s.window.d, s.strides.d, s.padding.d, s.dilation.d, in),
                           extent(p.h, s.window.h, s.strides.h, s.padding.h, s.dilation.h, in),
                           extent(p.w, s.window.w, s.strides.w, s.padding.w, s.dilation.w, in)};
    const std::int64_t maps = config_.fshape.maps;
    return in.size() == 3 ? tensor::Shape{maps, out.h, out.w} : tensor::Shape{maps, out.d, out.h, out.w};
  }

  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    const tensor::Shape shape = weights_shape(in);
    return {{"W", shape, tensor::element_count(shape) / in[0], in[0], true, init_}};
  }
  double operations(const tensor::Shape& in) const override {
    const PerDimension& w = sliding_.window;
    return static_cast<double>(tensor::element_count(in)) * static_cast<double>(config_.fshape.maps * w.d * w.h * w.w);
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const tensor::Shape& in = nodes.node().in();
    auto attributes = onnx_window(sliding_, in);
    attributes["dilations"] = onnx_extents(sliding_.dilation, in);
    tensor::Shape weights = onnx_extents(sliding_.window, in);
    weights.insert(weights.begin(), {in[0], config_.fshape.maps});
    return {nodes.add("ConvTranspose", {nodes.in(), nodes.parameter("W", weights)}, std::move(attributes))};
  }

  void reference_forward(Reference& r) const override {
    for_each_product(
        r, [&](std::size_t dst, std::size_t src, std::size_t w) { r.dst()[dst] += r.src()[src] * r.parameters[0][w]; });
  }
  void reference_backward(Reference& r) const override {
    for_each_product(r, [&](std::size_t dst, std::size_t src, std::size_t w) {
      r.diff_src()[src] += r.diff_dst()[dst] * r.parameters[0][w];
      r.gradients[0][w] += r.diff_dst()[dst] * r.src()[src];
    });
  }

  static std::vector<LayerCase> cases() {
    return {{R"({"fshape": [3, 3, 4], "init": "Gaussian"})", {3, 4, 5}},
            {R"({"fshape": [4, 4, 3], "init": "Gaussian", "strides": 2, "padding": 1})", {16, 5, 5}},
            {R"({"fshape": [5, 5, 16], "init": "Gaussian", "strides": 2})", {32, 3, 3}},
            {R"({"fshape": [2, 3, 5], "init": "Gaussian", "strides": {"str_h": 3, "str_w": 1}, "dilation": 2,
                 "padding": {"pad_w": 1}})",
             {2, 3, 4}},
            {R"({"fshape": [1, 4, 2], "init": "Gaussian", "strides": {"str_w": 2}})", {3, 1, 6}},
            {R"({"fshape": [2, 3, 3, 4], "init": "Gaussian", "strides": {"str_d": 2, "str_h": 1, "str_w": 2},
                 "padding": {"pad_d": 1, "pad_w": 1}})",
             {2, 3, 3, 3}}};
  }

 private:
  static std::int64_t extent(std::int64_t p, std::int64_t window, std::int64_t stride, std::int64_t pad,
                             std::int64_t spread, const tensor::Shape& in) {
    constexpr std::int64_t kLimit = 65535;
    for (const std::int64_t number : {window, stride, pad, spread})
      if (number > kLimit)
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("window, strides, padding and dilation go up to {}, got {}", kLimit, number));
    const std::int64_t out = (p - 1) * stride - 2 * pad + spread * (window - 1) + 1;
    if (out < 1)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("padding {} cuts off all that a window of {} makes of an input of {}", pad, window,
                                    tensor::text(in)));
    return out;
  }

  tensor::Shape weights_shape(const tensor::Shape& in) const {
    return tensor::convolution_weights(tensor::with_rows(1, out_shape(in)), in[0], {sliding_});
  }

  /// visit(dst, src, weight) for each product, by their places.
  template <class Visit>
  void for_each_product(const Reference& r, const Visit& visit) const {
    const Volume in = Volume::of(r.in(), "a deconvolution"), out = Volume::of(r.out(), "a deconvolution");
    const std::int64_t window = sliding_.window.d * sliding_.window.h * sliding_.window.w;
    for (std::int64_t n = 0; n < r.n; ++n)
      for (std::int64_t k = 0; k < in.c; ++k)
        for (std::int64_t c = 0; c < out.c; ++c)
          sliding_.for_each(out.extent, in.extent, [&](std::int64_t i, std::int64_t o, std::int64_t w) {
            visit(static_cast<std::size_t>((n * out.c + c) * out.positions() + o),
                  static_cast<std::size_t>((n * in.c + k) * in.positions() + i),
                  static_cast<std::size_t>((k * out.c + c) * window + w));
          });
  }

  Config config_;
  tensor::Sliding sliding_;
  std::shared_ptr<const Initializer> init_;
};

/// A convolution's kernels with exchanged roles: forward is its gradient of the input, the gradient of the input its
/// forward pass, and in the gradient of the weights input and error change places.
class Steps final : public UnarySteps {
 public:
  Steps(const Node& node, const tensor::Sliding& window) : node_(node), window_(window) {}

  Value forward(Lowering& lowering, const Value& src) override {
    const tensor::ThreadScope scope(threads(lowering));
    const auto out =
        tensor::Layout::row_major(tensor::Dtype::f32, tensor::with_rows(lowering.batch_size(), node_.out()));
    Parameter& w = lowering.parameter(node_, "W");
    const auto weights = tensor::Layout::row_major(tensor::Dtype::f32, w.spec->shape);
    convolution_ = lowering.choose(node_.name + " as a convolution",
                                   tensor::convolution_forward(out, {}, src.layout.shape(), window_, {}));
    const tensor::Kernel kernel = lowering.choose(
        node_.name + " forward", tensor::convolution_backward_data(convolution_, window_, weights, src.layout));
    src_ = lowering.in_layout(src, kernel->layout(Slot::diff_dst), node_.name + " input in another order");
    const Value dst = lowering.value(kernel->layout(Slot::diff_src));
    lowering.add(node_.name + " forward", kernel,
                 {{Slot::diff_dst, src_.buffer},
                  {Slot::weights, lowering.weights(w, kernel->layout(Slot::weights)).buffer},
                  {Slot::diff_src, dst.buffer}});
    return dst;
  }

  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) override {
    const tensor::ThreadScope scope(threads(lowering));
    weights_gradient(lowering, diff_dst);
    if (!wants_diff_src) return {};
    Parameter& w = lowering.parameter(node_, "W");
    const tensor::Kernel kernel =
        lowering.choose(node_.name + " backward data",
                        tensor::convolution_forward(diff_dst.layout, w.layout, src_.layout.shape(), window_, {}));
    const Value dy = lowering.in_layout(diff_dst, kernel->layout(Slot::src), node_.name + " error in another order");
    const Value dx = lowering.value(kernel->layout(Slot::dst));
    lowering.add(node_.name + " backward data", kernel,
                 {{Slot::src, dy.buffer},
                  {Slot::weights, lowering.weights(w, kernel->layout(Slot::weights)).buffer},
                  {Slot::dst, dx.buffer}});
    return dx;
  }

 private:
  int threads(const Lowering& lowering) const {
    return tensor::threads_for_product(node_.operations() * static_cast<double>(lowering.batch_size()));
  }

  void weights_gradient(Lowering& lowering, const Value& diff_dst) {
    const tensor::Kernel kernel = lowering.choose(
        node_.name + " backward weights",
        tensor::convolution_backward_weights(convolution_, window_, diff_dst.layout, src_.layout, false));
    const Value dy = lowering.in_layout(diff_dst, kernel->layout(Slot::src), node_.name + " error in another order");
    const Value x = lowering.in_layout(src_, kernel->layout(Slot::diff_dst), node_.name + " input in another order");
    Parameter& w = lowering.parameter(node_, "W");
    const Value dw = lowering.gradient(w, kernel->layout(Slot::diff_weights));
    lowering.add(node_.name + " backward weights", kernel,
                 {{Slot::src, dy.buffer}, {Slot::diff_dst, x.buffer}, {Slot::diff_weights, dw.buffer}});
    lowering.deliver(dw, w);
  }

  const Node& node_;
  tensor::Sliding window_;
  tensor::Kernel convolution_;  ///< the forward pass that this layer is the way back of; the vendor wants to know it
  Value src_;
};

std::unique_ptr<LayerSteps> Deconvolution::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, sliding_);
}

const OnShelf<GraphPart, Deconvolution> registered(
    "Deconvolution", "the way back of a convolution: every input number spreads a window over the output",
    R"((K, p, q) → (C, oh, ow), with oh = (p − 1)·stride − 2·padding + dilation·(R − 1) + 1: what the input gradient of a convolution with
these arguments is. `fshape` is `[R, S, C]`, `[T, R, S, C]` or a mapping, as of `Convolution`, where C (the key `K`) is the number of
output maps. Parameter: W (C·R·S, K), with K the maps of the input.)");

}  // namespace
}  // namespace neon
