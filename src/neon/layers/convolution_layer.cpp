#include "neon/layers/convolution_layer.h"

#include "base/error.h"
#include "neon/layers/product_steps.h"
#include "neon/layers/window_onnx.h"
#include "tensor/batch.h"

namespace neon {
namespace {

class Steps final : public ProductSteps {
 public:
  Steps(const Group& group, const tensor::GroupedSliding& window)
      : ProductSteps(group), out_(group.node->out()), window_(window) {}

 private:
  tensor::Candidates forward_kernels(const tensor::Layout& src, const tensor::Layout& weights,
                                     const tensor::Product& product) const override {
    return tensor::convolution_forward(src, weights, tensor::with_rows(src.shape()[0], out_), window_, product);
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
  tensor::GroupedSliding window_;
};

}  // namespace

ConvolutionLayer::ConvolutionLayer(const Config& config, const std::optional<Part>& bias)
    : maps_(config.fshape.maps),
      has_depth_(config.fshape.has_depth),
      sliding_{{config.fshape.window,
                {config.strides.d.value_or(1), config.strides.h.value_or(1), config.strides.w.value_or(1)},
                config.padding.extent,
                config.dilation.extent},
               config.groups},
      init_(Shelf<Initializer>::instance().make(config.init)),
      name_(config.name) {
  if (bias) bias_ = Shelf<Initializer>::instance().make(*bias);
  if (maps_ % config.groups != 0)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("{} output maps do not fall into {} groups of as many each; K must be a multiple of groups", maps_,
                    config.groups));
}

tensor::Shape ConvolutionLayer::out_shape(const tensor::Shape& in) const {
  const PerDimension out = sliding_.over(tensor::Volume::of(in, "a convolution"));
  if (in.size() == 3 && has_depth_)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("fshape has a depth (T), but the input {} has none", tensor::text(in)));
  if (in[0] % sliding_.groups != 0)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the {} maps of the input {} do not fall into {} groups of as many each", in[0],
                                  tensor::text(in), sliding_.groups));
  if (in.size() == 3) return {maps_, out.h, out.w};
  return {maps_, out.d, out.h, out.w};
}

std::vector<ParameterSpec> ConvolutionLayer::parameters(const tensor::Shape& in) const {
  const tensor::Shape shape = tensor::convolution_weights(tensor::with_rows(1, in), maps_, sliding_);
  std::vector<ParameterSpec> list{{"W", shape, tensor::element_count(shape) / maps_, maps_, true, init_}};
  if (has_bias()) list.push_back({"weight_bias", {maps_}, maps_, 1, false, bias_});
  return list;
}

double ConvolutionLayer::operations(const tensor::Shape& in) const {
  const PerDimension& w = sliding_.window;
  return static_cast<double>(tensor::element_count(out_shape(in))) *
         static_cast<double>(in[0] / sliding_.groups * w.d * w.h * w.w);
}

std::unique_ptr<LayerSteps> ConvolutionLayer::lower(const Group& group) const {
  return std::make_unique<Steps>(group, sliding_);
}

std::vector<std::string> ConvolutionLayer::onnx(OnnxNodes& nodes) const {
  const tensor::Shape& in = nodes.node().in();
  auto attributes = onnx_window(sliding_, in);
  attributes["dilations"] = onnx_extents(sliding_.dilation, in);
  if (sliding_.groups > 1) attributes["group"] = sliding_.groups;
  tensor::Shape weights = onnx_extents(sliding_.window, in);
  weights.insert(weights.begin(), {maps_, in[0] / sliding_.groups});
  std::vector<std::string> inputs{nodes.in(), nodes.parameter("W", weights)};
  if (has_bias()) inputs.push_back(nodes.parameter("weight_bias"));
  return {nodes.add("Conv", std::move(inputs), std::move(attributes))};
}

/// visit(dst, src, weight) for each product, by their places.
template <class Visit>
void ConvolutionLayer::for_each_product(const Reference& r, const Visit& visit) const {
  const tensor::Volume in = tensor::Volume::of(r.in(), "a convolution"),
                       out = tensor::Volume::of(r.out(), "a convolution");
  const std::int64_t window = sliding_.window.d * sliding_.window.h * sliding_.window.w;
  const std::int64_t seen = in.c / sliding_.groups, made = out.c / sliding_.groups;
  for (std::int64_t n = 0; n < r.n; ++n)
    for (std::int64_t k = 0; k < out.c; ++k)
      for (std::int64_t c = 0; c < seen; ++c)
        sliding_.for_each(in.extent, out.extent, [&](std::int64_t o, std::int64_t i, std::int64_t w) {
          visit(static_cast<std::size_t>((n * out.c + k) * out.positions() + o),
                static_cast<std::size_t>((n * in.c + k / made * seen + c) * in.positions() + i),
                static_cast<std::size_t>((k * seen + c) * window + w));
        });
}

void ConvolutionLayer::reference_forward(Reference& r) const {
  const std::size_t map = r.dst().size() / static_cast<std::size_t>(r.n * maps_);
  for (std::size_t i = 0; i < r.dst().size(); ++i)
    r.dst()[i] = has_bias() ? r.parameters[1][i / map % static_cast<std::size_t>(maps_)] : 0;
  for_each_product(
      r, [&](std::size_t dst, std::size_t src, std::size_t w) { r.dst()[dst] += r.src()[src] * r.parameters[0][w]; });
}

void ConvolutionLayer::reference_backward(Reference& r) const {
  const std::size_t map = r.diff_dst().size() / static_cast<std::size_t>(r.n * maps_);
  for (std::size_t i = 0; has_bias() && i < r.diff_dst().size(); ++i)
    r.gradients[1][i / map % static_cast<std::size_t>(maps_)] += r.diff_dst()[i];
  for_each_product(r, [&](std::size_t dst, std::size_t src, std::size_t w) {
    r.diff_src()[src] += r.diff_dst()[dst] * r.parameters[0][w];
    r.gradients[0][w] += r.diff_dst()[dst] * r.src()[src];
  });
}

}  // namespace neon
