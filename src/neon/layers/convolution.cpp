#include "base/error.h"
#include "neon/layers/product_steps.h"
#include "neon/layers/window_grammar.h"
#include "neon/layers/window_onnx.h"

namespace neon {
namespace {

class Convolution final : public UnaryLayer {
 public:
  struct Config {
    ConvolutionShape fshape;
    Strides strides;
    Padding padding;
    Dilation dilation;
    Part init;
    bool bsum = false;
    std::optional<std::string> name;
    std::string parallelism = "Data";
    static constexpr auto fields() {
      return std::tuple(base::field("fshape", &Config::fshape, "window and output maps").required(),
                        base::field("strides", &Config::strides, "steps of the window"),
                        base::field("padding", &Config::padding, "zeros around the input"),
                        base::field("dilation", &Config::dilation, "spread of the window"),
                        base::field("init", &Config::init, "how the weights start").required(),
                        base::field("bsum", &Config::bsum, "a hint of neon's, unused"),
                        base::field("name", &Config::name, "a name, unique in the model"),
                        base::field("parallelism", &Config::parallelism, "a hint of neon's, unused"));
    }
  };
  explicit Convolution(const Config& config)
      : config_(config),
        sliding_{config.fshape.window,
                 {config.strides.d.value_or(1), config.strides.h.value_or(1), config.strides.w.value_or(1)},
                 config.padding.extent,
                 config.dilation.extent},
        init_(Shelf<Initializer>::instance().make(config.init)) {}

  std::optional<std::string> given_name() const override { return config_.name; }

  tensor::Shape out_shape(const tensor::Shape& in) const override {
    const PerDimension out = sliding_.over(tensor::Volume::of(in, "a convolution"));
    if (in.size() == 3 && config_.fshape.has_depth)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("fshape has a depth (T), but the input {} has none", tensor::text(in)));
    if (in.size() == 3) return {config_.fshape.maps, out.h, out.w};
    return {config_.fshape.maps, out.d, out.h, out.w};
  }

  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    const PerDimension& w = config_.fshape.window;
    tensor::Shape shape{config_.fshape.maps, in[0], w.d, w.h, w.w};
    if (in.size() == 3) shape.erase(shape.begin() + 2);
    return {{"W", shape, in[0] * w.d * w.h * w.w, config_.fshape.maps, true, init_}};
  }

  bool absorbs_bias() const override { return true; }
  bool absorbs(const Transform& next) const override { return next.is_identity() || next.vendor_function(); }

  double operations(const tensor::Shape& in) const override {
    const PerDimension& w = config_.fshape.window;
    return static_cast<double>(tensor::element_count(out_shape(in))) * static_cast<double>(in[0] * w.d * w.h * w.w);
  }

  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    auto attributes = onnx_window(sliding_, nodes.node().in());
    attributes["dilations"] = onnx_extents(sliding_.dilation, nodes.node().in());
    return {nodes.add("Conv", {nodes.in(), nodes.parameter("W")}, std::move(attributes))};
  }

  void reference_forward(Reference& r) const override {
    std::fill(r.dst().begin(), r.dst().end(), 0.0);
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
    return {
        {R"({"fshape": [3, 3, 4], "init": "Gaussian"})", {3, 6, 5}},
        {R"({"fshape": [5, 5, 16], "init": "Gaussian"})", {3, 9, 9}},
        {R"({"fshape": [3, 3, 16], "init": "Gaussian", "padding": 1})", {16, 6, 6}},
        {R"({"fshape": {"R": 3, "S": 2, "K": 5}, "init": "Gaussian", "strides": 2, "padding": {"pad_w": 1}})",
         {2, 7, 7}},
        {R"({"fshape": [1, 1, 10], "init": "Gaussian"})", {12, 3, 3}},
        {R"({"fshape": [3, 3, 8], "init": "Gaussian", "dilation": 2, "strides": {"str_h": 2, "str_w": 1}})", {8, 9, 8}},
        {R"({"fshape": [2, 3, 3, 4], "init": "Gaussian", "strides": {"str_d": 2}})", {2, 4, 5, 5}}};
  }

 private:
  template <class Visit>
  void for_each_product(const Reference& r, Visit&& visit) const {
    const tensor::Volume in = tensor::Volume::of(r.in(), "a convolution"),
                         out = tensor::Volume::of(r.out(), "a convolution");
    const std::int64_t window = sliding_.window.d * sliding_.window.h * sliding_.window.w;
    for (std::int64_t n = 0; n < r.n; ++n)
      for (std::int64_t k = 0; k < out.c; ++k)
        for (std::int64_t c = 0; c < in.c; ++c)
          sliding_.for_each(in.extent, out.extent, [&](std::int64_t o, std::int64_t i, std::int64_t w) {
            visit(static_cast<std::size_t>((n * out.c + k) * out.positions() + o),
                  static_cast<std::size_t>((n * in.c + c) * in.positions() + i),
                  static_cast<std::size_t>((k * in.c + c) * window + w));
          });
  }

  Config config_;
  tensor::Sliding sliding_;
  std::shared_ptr<const Initializer> init_;
};

class Steps final : public ProductSteps {
 public:
  Steps(const Group& group, tensor::Sliding window)
      : ProductSteps(group), out_(group.node->out()), window_(std::move(window)) {}

 private:
  tensor::Candidates forward_kernels(const tensor::Layout& src, const tensor::Layout& weights,
                                     const tensor::Product& product) const override {
    tensor::Shape dst{src.shape()[0]};
    dst.insert(dst.end(), out_.begin(), out_.end());
    return tensor::convolution_forward(src, weights, dst, window_, product);
  }
  tensor::Candidates data_kernels(const tensor::Kernel& forward, const tensor::Layout& weights,
                                  const tensor::Layout& diff_dst) const override {
    return tensor::convolution_backward_data(forward, window_, weights, diff_dst);
  }
  tensor::Candidates weights_kernels(const tensor::Kernel& forward, const tensor::Layout& src,
                                     const tensor::Layout& diff_dst, bool bias) const override {
    return tensor::convolution_backward_weights(forward, window_, src, diff_dst, bias);
  }

  tensor::Shape out_;
  tensor::Sliding window_;
};

std::unique_ptr<LayerSteps> Convolution::lower(const Group& group) const {
  return std::make_unique<Steps>(group, sliding_);
}

const OnShelf<GraphPart, Convolution> registered(
    "Convolution", "cross-correlation with K windows",
    R"((c, h, w) → (K, oh, ow), with oh = ⌊(h + 2·padding − (dilation·(R − 1) + 1)) / stride⌋ + 1. `fshape` is `[R, S, K]`, `[T, R, S, K]` or
`{R: 3, S: 3, K: 16}`; strides, padding and dilation are a number or `{str_h: 2, str_w: 2}`, `{pad_h: …}`, `{dil_h: …}`. With a
depth, shapes are (c, d, h, w). Parameter: W (c·R·S, K).)");

}  // namespace
}  // namespace neon
