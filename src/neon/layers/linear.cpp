#include "neon/layers/dense_layer.h"

namespace neon {
namespace {

class Linear final : public DenseLayer {
 public:
  using DenseLayer::DenseLayer;

  std::unique_ptr<LayerSteps> lower(const Group& group) const override { return lower_as<DenseSteps>(group); }

  void reference_forward(Reference& r) const override {
    for_each_product(
        r, [&](std::size_t o, std::size_t i, std::size_t w) { r.dst()[o] += r.parameters[0][w] * r.src()[i]; });
  }
  void reference_backward(Reference& r) const override {
    for_each_product(r, [&](std::size_t o, std::size_t i, std::size_t w) {
      r.diff_src()[i] += r.parameters[0][w] * r.diff_dst()[o];
      r.gradients[0][w] += r.src()[i] * r.diff_dst()[o];
    });
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"nout": 5, "init": "Gaussian"})", {7}},
            {R"({"nout": 10, "init": {"type": "Gaussian", "config": {"scale": 0.1}}})", {33}},
            {R"({"nout": 16, "init": "Gaussian"})", {3, 4, 5}},
            {R"({"nout": 1, "init": "Gaussian"})", {1}},
            {R"({"nout": 5, "init": "Gaussian"})", {7, 4}},
            {R"({"nout": 16, "init": "Gaussian"})", {32, 1}}};
  }
};

const OnShelf<GraphPart, Linear> registered(
    "Linear", "y = W·x",
    R"((features) or (c, h, w) → (nout); a sequence (features, time steps) → (nout, time steps), each step by
itself. Parameter: W (nout, nin).)");

}  // namespace
}  // namespace neon
