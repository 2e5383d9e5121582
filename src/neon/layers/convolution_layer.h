#pragma once
#include "neon/layer.h"
#include "neon/layers/window_grammar.h"
#include "tensor/grouped_convolution.h"

namespace neon {

/// What the layers with a window over (c, h, w) or (c, d, h, w) and K output maps have in common: shapes, weights,
/// steps and the oracle. Those with a bias of their own keep it as "weight_bias".
class ConvolutionLayer : public UnaryLayer {
 public:
  struct Config {
    ConvolutionShape fshape;
    Strides strides;
    Padding padding;
    Dilation dilation;
    std::int64_t groups = 1;
    Part init;
    bool bsum = false;
    std::optional<std::string> name;
    std::string parallelism = "Data";
    static constexpr auto fields() {
      return std::tuple(
          base::field("fshape", &Config::fshape, "window and output maps").required(),
          base::field("strides", &Config::strides, "steps of the window"),
          base::field("padding", &Config::padding, "zeros around the input"),
          base::field("dilation", &Config::dilation, "spread of the window"),
          base::field("groups", &Config::groups, "how many groups of maps see nothing of each other").positive(),
          base::field("init", &Config::init, "how the weights start").required(),
          base::field("bsum", &Config::bsum, "a hint of neon's, unused"),
          base::field("name", &Config::name, "a name, unique in the model"),
          base::field("parallelism", &Config::parallelism, "a hint of neon's, unused"));
    }
  };
  /// Errors: invalid_argument unless the groups divide the output maps.
  explicit ConvolutionLayer(const Config& config, const std::optional<Part>& bias = {});

  std::optional<std::string> given_name() const final { return name_; }
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
  std::optional<std::string> name_;
};

}  // namespace neon
