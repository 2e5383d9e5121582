#include "neon/layers/dense_layer.h"
#include "tensor/normalisation.h"

namespace neon {
namespace {

using tensor::Slot;

class BinaryLinear final : public DenseLayer {
 public:
  using DenseLayer::DenseLayer;

  std::unique_ptr<LayerSteps> lower(const Group& group) const override;

  void reference_forward(Reference& r) const override {
    for_each_product(r, [&](std::size_t dst, std::size_t src, std::size_t w) {
      r.dst()[dst] += r.src()[src] * (r.parameters[0][w] < 0 ? -1 : 1);
    });
  }
  void reference_backward(Reference& r) const override {
    for_each_product(r, [&](std::size_t dst, std::size_t src, std::size_t w) {
      r.diff_src()[src] += r.diff_dst()[dst] * (r.parameters[0][w] < 0 ? -1 : 1);
      r.gradients[0][w] += r.diff_dst()[dst] * r.src()[src];
    });
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"nout": 5, "init": "Gaussian"})", {7}, {}, false},
            {R"({"nout": 16, "init": "Gaussian"})", {3, 4, 5}, {}, false},
            {R"({"nout": 33, "init": "Gaussian"})", {64}, {}, false},
            {R"({"nout": 5, "init": "Gaussian"})", {7, 4}, {}, false}};
  }

 private:
  std::vector<float> multipliers(std::vector<float> weights) const override {
    for (float& w : weights) w = w < 0 ? -1.0f : 1.0f;
    return weights;
  }
};

class Steps final : public DenseSteps {
 public:
  using DenseSteps::DenseSteps;

 private:
  tensor::Candidates forward_kernels(const tensor::Layout& src, const tensor::Layout&,
                                     const tensor::Product& product) const override {
    return DenseSteps::forward_kernels(src, {}, product);
  }

  /// The signs, made anew in each forward pass. They are taken in plain order, because the padding of another would
  /// become 1.
  Value multiplier(Lowering& lowering, const tensor::Layout& wanted) override {
    const std::string& name = group().node->name;
    if (!signs_) {
      const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, wanted.shape());
      const Value w = lowering.weights(lowering.parameter(*group().node, "W"), plain);
      signs_ = lowering.value(plain);
      lowering.add(name + " signs", tensor::sign(plain), {{Slot::src, w.buffer}, {Slot::dst, signs_.buffer}});
    }
    return lowering.in_layout(signs_, wanted, name + " signs in another order");
  }

  Value signs_;
};

std::unique_ptr<LayerSteps> BinaryLinear::lower(const Group& group) const { return lower_as<Steps>(group); }

const OnShelf<GraphPart, BinaryLinear> registered(
    "BinaryLinear", "y = sign(W)·x",
    R"((features) or (c, h, w) → (nout); a sequence (features, time steps) → (nout, time steps): every weight counts as 1, or as −1 if it is below 0. The gradient goes to the real W as if it had been
multiplied by itself (a straight-through estimator), so small steps add up until a sign changes. Parameter: W (nout, nin). Source:
Courbariaux, Hubara, Soudry, El-Yaniv and Bengio 2016.)");

}  // namespace
}  // namespace neon
