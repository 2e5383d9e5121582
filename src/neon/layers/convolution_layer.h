#pragma once
#include "neon/layer.h"
#include "neon/layers/window_grammar.h"
#include "tensor/grouped_convolution.h"

namespace neon {

/// What the layers with a window over (c, h, w) or (c, d, h, w) and K output maps have in common: shapes, weights,
/// steps and the oracle. Those with a bias of their own keep it as "weight_bias".
class ConvolutionLayer : public UnaryLayer {
 public:
  struct Window {
    ConvolutionShape fshape;
    Strides strides;
    Padding padding;
    Dilation dilation;
    std::int64_t groups = 1;
  };
  /// Errors: invalid_argument unless the groups divide the output maps.
  ConvolutionLayer(const Window& window, const Part& init, const std::optional<Part>& bias);

  tensor::Shape out_shape(const tensor::Shape& in) const override;
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override;
  bool absorbs_bias() const override { return !has_bias(); }
  bool absorbs(const Transform& next) const override { return next.is_identity() || next.vendor_function(); }
  double operations(const tensor::Shape& in) const override;
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override;
  void reference_forward(Reference& r) const override;
  void reference_backward(Reference& r) const override;

 private:
  bool has_bias() const { return bias_ != nullptr; }
  template <class Visit>
  void for_each_product(const Reference& r, const Visit& visit) const;

  std::int64_t maps_;
  bool has_depth_;
  tensor::GroupedSliding sliding_;
  std::shared_ptr<const Initializer> init_, bias_;
};

}  // namespace neon
