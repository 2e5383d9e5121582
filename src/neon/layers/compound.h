#pragma once
#include "neon/layer.h"

namespace neon {

/// A layer of the model file that stands for several. Only expand() and names are asked of it.
class Compound : public Layer {
 public:
  Compound(std::optional<std::string> name, std::optional<Part> bias, bool batch_norm, std::optional<Part> activation);

  std::optional<std::string> given_name() const final { return name_; }
  tensor::Shape out_shape(const tensor::Shape& in) const final;
  std::unique_ptr<LayerSteps> lower(const Group& group) const final;
  void reference_forward(Reference& r) const final;
  void reference_backward(Reference& r) const final;

 protected:
  /// `first` under the name `base`, then "<base>_bias" or "<base>_bnorm", then "<base>_<Activation>".
  std::vector<Part> with_followers(const std::string& base, Part first) const;

 private:
  std::optional<std::string> name_;
  std::optional<Part> bias_, activation_;
  bool batch_norm_;
};

}  // namespace neon
