#include "neon/layers/product_steps.h"
#include "neon/lowering/sequence.h"
#include "neon/onnx_nodes.h"

namespace neon {
namespace {

class Linear final : public UnaryLayer {
 public:
  struct Config {
    std::int64_t nout = 0;
    Part init;
    bool bsum = false;
    std::optional<std::string> name;
    std::string parallelism = "Disabled";
    static constexpr auto fields() {
      return std::tuple(base::field("nout", &Config::nout, "outputs").positive().required(),
                        base::field("init", &Config::init, "how the weights start").required(),
                        base::field("bsum", &Config::bsum, "a hint of neon's, unused"),
                        base::field("name", &Config::name, "a name, unique in the model"),
                        base::field("parallelism", &Config::parallelism, "a hint of neon's, unused"));
    }
  };
  explicit Linear(const Config& config) : config_(config), init_(Shelf<Initializer>::instance().make(config.init)) {}

  std::optional<std::string> given_name() const override { return config_.name; }
  tensor::Shape out_shape(const tensor::Shape& in) const override {
    return is_sequence(in) ? tensor::Shape{config_.nout, in[1]} : tensor::Shape{config_.nout};
  }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    const std::int64_t nin = inputs_of(in);
    return {{"W", {config_.nout, nin}, config_.nout, nin, false, init_}};
  }
  bool absorbs_bias() const override { return true; }
  bool absorbs(const Transform& next) const override { return next.is_identity() || next.vendor_function(); }
  double operations(const tensor::Shape& in) const override {
    return static_cast<double>(tensor::element_count(in)) * static_cast<double>(config_.nout);
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    // A matrix times each example's (features, time steps).
    if (is_sequence(nodes.node().in())) return {nodes.add("MatMul", {nodes.parameter("W"), nodes.in()})};
    const std::string x = nodes.flat(nodes.in(), nodes.node().in());
    return {nodes.add("Gemm", {x, nodes.parameter("W")}, {{"transB", std::int64_t{1}}})};
  }

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

 private:
  static std::int64_t inputs_of(const tensor::Shape& in) { return is_sequence(in) ? in[0] : tensor::element_count(in); }

  /// visit(output, input, weight).
  template <class Visit>
  void for_each_product(const Reference& r, const Visit& visit) const {
    const std::int64_t nin = inputs_of(r.in()), nout = config_.nout, steps = is_sequence(r.in()) ? r.in()[1] : 1;
    for (std::int64_t n = 0; n < r.n; ++n)
      for (std::int64_t o = 0; o < nout; ++o)
        for (std::int64_t i = 0; i < nin; ++i)
          for (std::int64_t t = 0; t < steps; ++t)
            visit(static_cast<std::size_t>((n * nout + o) * steps + t),
                  static_cast<std::size_t>((n * nin + i) * steps + t), static_cast<std::size_t>(o * nin + i));
  }

  Config config_;
  std::shared_ptr<const Initializer> init_;
};

class Steps final : public ProductSteps {
 public:
  Steps(const Group& group, std::int64_t nout) : ProductSteps(group), nout_(nout) {}

 private:
  tensor::Candidates forward_kernels(const tensor::Layout& src, const tensor::Layout& weights,
                                     const tensor::Product& product) const override {
    return tensor::dense_forward(src, weights, nout_, product);
  }
  tensor::Candidates data_kernels(const tensor::Kernel& forward, const tensor::Layout& weights,
                                  const tensor::Layout& diff_dst) const override {
    return tensor::dense_backward_data(forward, weights, diff_dst);
  }
  tensor::Candidates weights_kernels(const tensor::Kernel& forward, const tensor::Layout& src,
                                     const tensor::Layout& diff_dst, bool bias) const override {
    return tensor::dense_backward_weights(forward, src, diff_dst, bias);
  }
  std::int64_t nout_;
};

std::unique_ptr<LayerSteps> Linear::lower(const Group& group) const {
  auto steps = std::make_unique<Steps>(group, config_.nout);
  if (!is_sequence(group.node->in())) return steps;
  return std::make_unique<PerStep>(std::move(steps), *group.node);
}

const OnShelf<GraphPart, Linear> registered(
    "Linear", "y = W·x",
    R"((features) or (c, h, w) → (nout); a sequence (features, time steps) → (nout, time steps), each step by
itself. Parameter: W (nout, nin).)");

}  // namespace
}  // namespace neon
