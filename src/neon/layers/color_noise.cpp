#include "base/error.h"
#include "neon/lowering/unary_steps.h"
#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "tensor/colour_noise.h"

namespace neon {
namespace {

using tensor::Slot;

class ColorNoise final : public UnaryLayer {
 public:
  struct Config {
    // Of ImageNet's photos, with values from 0 to 255, for b, g, r.
    std::vector<std::vector<double>> colorpca{{0.39731118, 0.70119634, -0.59200296},
                                              {-0.81698062, -0.02354167, -0.57618440},
                                              {0.41795513, -0.71257945, -0.56351045}};
    std::vector<double> colorstd{19.72083305, 37.09388853, 121.78006099};
    double noise_coeff = 0.1;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field(
              "colorpca", &Config::colorpca,
              "for each of the three channels its share of the three main colours; those of ImageNet's photos (b, "
              "g, r) without"),
          base::field(
              "colorstd", &Config::colorstd,
              "the deviation of the data along each of these colours; theirs, of values from 0 to 255, without"),
          base::field("noise_coeff", &Config::noise_coeff, "deviation of the noise, as a share of `colorstd`")
              .at_least(0),
          base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit ColorNoise(const Config& config) : config_(config) {
    bool fits = config.colorstd.size() == 3 && config.colorpca.size() == 3;
    for (const auto& row : config.colorpca) fits = fits && row.size() == 3;
    if (!fits)
      throw base::Error(base::Code::invalid_argument,
                        "colorpca must be three lists of three numbers, and colorstd three numbers");
    noise_.deviation = config.noise_coeff;
    for (std::size_t i = 0; i < 3; ++i) {
      noise_.deviations[i] = config.colorstd[i];
      std::copy_n(config.colorpca[i].begin(), 3, noise_.vectors[i].begin());
    }
  }

  std::optional<std::string> given_name() const override { return config_.name; }
  tensor::Shape out_shape(const tensor::Shape& in) const override {
    if (in.size() < 2 || in[0] != 3)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("it needs images of three colours, (3, h, w), got {}", tensor::text(in)));
    return in;
  }
  double operations(const tensor::Shape&) const override { return 0; }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override { return {nodes.in()}; }

  void reference_forward(Reference& r) const override {
    r.dst() = r.src();
    if (!r.training) return;
    const std::int64_t plane = tensor::element_count(r.in()) / 3;
    for (std::int64_t n = 0; n < r.n; ++n) {
      const auto offsets = noise(r.layer_index).offsets(r.seed, r.step, n);
      for (std::int64_t i = 0; i < 3 * plane; ++i)
        r.dst()[static_cast<std::size_t>(n * 3 * plane + i)] += offsets[static_cast<std::size_t>(i / plane)];
    }
  }
  void reference_backward(Reference& r) const override { r.diff_src() = r.diff_dst(); }

  tensor::ColourNoise noise(std::int64_t layer_index) const {
    tensor::ColourNoise noise = noise_;
    noise.stream = static_cast<std::uint64_t>(layer_index);
    return noise;
  }

  static std::vector<LayerCase> cases() {
    return {{R"({"colorstd": [1, 2, 3]})", {3, 5, 4}},
            {R"({"colorpca": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "colorstd": [1, 1, 0], "noise_coeff": 2})", {3, 4, 4}}};
  }

 private:
  Config config_;
  tensor::ColourNoise noise_;
};

class Steps final : public UnarySteps {
 public:
  Steps(const Node& node, const tensor::ColourNoise& noise) : node_(node), noise_(noise) {}

  Value forward(Lowering& lowering, const Value& src) override {
    if (!lowering.training()) return src;
    const tensor::Layout plain = tensor::Layout::row_major(tensor::Dtype::f32, src.layout.shape());
    const Value x = lowering.in_layout(src, plain, node_.name + " input in plain order");
    const Value y = lowering.value(plain);
    lowering.may_replace(x, y);
    lowering.add(node_.name + " forward", tensor::colour_noise(plain, noise_),
                 {{Slot::src, x.buffer}, {Slot::dst, y.buffer}});
    return y;
  }
  Value backward(Lowering&, const Value& diff_dst, bool) override { return diff_dst; }

 private:
  const Node& node_;
  tensor::ColourNoise noise_;
};

std::unique_ptr<LayerSteps> ColorNoise::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, noise(group.node->index));
}

const OnShelf<GraphPart, ColorNoise> registered(
    "ColorNoise", "training: each image in a light of a slightly other colour",
    R"((3, h, w) → (3, h, w). In training each example gets one number added to each of its channels: colorpca·(colorstd∘a) with three a
drawn from a normal distribution of mean 0 and deviation `noise_coeff`. Prediction leaves images as they are. The main colours are
the eigenvectors of the covariance of the data's channels, in the columns of `colorpca`, and their deviations the square roots of
its eigenvalues. Draws are a function of seed, step and row alone. `lighting` of the loader's images does the same before
they are standardised. Krizhevsky et al. 2012, section 4.1.)");

}  // namespace
}  // namespace neon
