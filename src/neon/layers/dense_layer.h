#pragma once
#include "neon/layers/product_steps.h"
#include "neon/lowering/sequence.h"
#include "neon/onnx_nodes.h"

namespace neon {

/// What Linear and BinaryLinear share: every output is a sum over all inputs, of a sequence in each step by itself.
/// (features) or (c, h, w) → (nout), (features, time steps) → (nout, time steps). Parameter: W (nout, nin).
class DenseLayer : public UnaryLayer {
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
  explicit DenseLayer(const Config& config)
      : config_(config), init_(Shelf<Initializer>::instance().make(config.init)) {}

  std::optional<std::string> given_name() const final { return config_.name; }
  tensor::Shape out_shape(const tensor::Shape& in) const final {
    return is_sequence(in) ? tensor::Shape{config_.nout, in[1]} : tensor::Shape{config_.nout};
  }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const final {
    const std::int64_t nin = inputs_of(in);
    return {{"W", {config_.nout, nin}, config_.nout, nin, false, init_}};
  }
  bool absorbs_bias() const final { return true; }
  Sight sight(std::size_t) const final { return Sight::itself; }
  bool absorbs(const Transform& next) const final { return next.is_identity() || next.vendor_function(); }
  /// Of a sequence a matrix times each example's (features, time steps).
  std::vector<std::string> onnx(OnnxNodes& nodes) const final {
    const tensor::Shape& in = nodes.node().in();
    const std::string w = nodes.constant("W", nodes.node().parameters[0].shape, multipliers(nodes.values_of("W")));
    if (is_sequence(in)) return {nodes.add("MatMul", {w, nodes.in()})};
    return {nodes.add("Gemm", {nodes.flat(nodes.in(), in), w}, {{"transB", std::int64_t{1}}})};
  }
  double operations(const tensor::Shape& in) const final {
    return static_cast<double>(tensor::element_count(in)) * static_cast<double>(config_.nout);
  }

 protected:
  /// What the inputs are multiplied by, of the weights.
  virtual std::vector<float> multipliers(std::vector<float> weights) const { return weights; }

  /// visit(output, input, weight) for each product of the plain loops.
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

  /// Steps made from (group, nout), for each step of a sequence where there is one.
  template <class Steps>
  std::unique_ptr<LayerSteps> lower_as(const Group& group) const {
    auto steps = std::make_unique<Steps>(group, config_.nout);
    if (!is_sequence(group.node->in())) return steps;
    return std::make_unique<PerStep>(std::move(steps), *group.node);
  }

 private:
  static std::int64_t inputs_of(const tensor::Shape& in) { return is_sequence(in) ? in[0] : tensor::element_count(in); }

  Config config_;
  std::shared_ptr<const Initializer> init_;
};

/// The products of a dense layer.
class DenseSteps : public ProductSteps {
 public:
  DenseSteps(const Group& group, std::int64_t nout) : ProductSteps(group), nout_(nout) {}

 protected:
  tensor::Candidates forward_kernels(const tensor::Layout& src, const tensor::Layout& weights,
                                     const tensor::Product& product) const override {
    return tensor::dense_forward(src, weights, nout_, product);
  }
  tensor::Candidates data_kernels(const tensor::Kernel& forward, const tensor::Layout& weights,
                                  const tensor::Layout& diff_dst) const final {
    return tensor::dense_backward_data(forward, weights, diff_dst);
  }
  tensor::Candidates weights_kernels(const tensor::Kernel& forward, const tensor::Layout& src,
                                     const tensor::Layout& diff_dst, bool bias) const final {
    return tensor::dense_backward_weights(forward, src, diff_dst, bias);
  }

 private:
  std::int64_t nout_;
};

}  // namespace neon
