#include "neon/layers/product_steps.h"
#include "neon/lowering/sequence.h"
#include "tensor/normalisation.h"

namespace neon {
namespace {

using tensor::Slot;

class BinaryLinear final : public UnaryLayer {
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
  explicit BinaryLinear(const Config& config)
      : config_(config), init_(Shelf<Initializer>::instance().make(config.init)) {}

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
  tensor::Candidates forward_kernels(const tensor::Layout& src, const tensor::Layout&,
                                     const tensor::Product& product) const override {
    return tensor::dense_forward(src, {}, nout_, product);
  }
  tensor::Candidates data_kernels(const tensor::Kernel& forward, const tensor::Layout& weights,
                                  const tensor::Layout& diff_dst) const override {
    return tensor::dense_backward_data(forward, weights, diff_dst);
  }
  tensor::Candidates weights_kernels(const tensor::Kernel& forward, const tensor::Layout& src,
                                     const tensor::Layout& diff_dst, bool bias) const override {
    return tensor::dense_backward_weights(forward, src, diff_dst, bias);
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

  std::int64_t nout_;
  Value signs_;
};

std::unique_ptr<LayerSteps> BinaryLinear::lower(const Group& group) const {
  auto steps = std::make_unique<Steps>(group, config_.nout);
  if (!is_sequence(group.node->in())) return steps;
  return std::make_unique<PerStep>(std::move(steps), *group.node);
}

const OnShelf<GraphPart, BinaryLinear> registered(
    "BinaryLinear", "y = sign(W)·x",
    R"((features) or (c, h, w) → (nout); a sequence (features, time steps) → (nout, time steps): every weight counts as 1, or as −1 if it is below 0. The gradient goes to the real W as if it had been
multiplied by itself (a straight-through estimator), so small steps add up until a sign changes. Parameter: W (nout, nin). Source:
Courbariaux, Hubara, Soudry, El-Yaniv and Bengio 2016.)");

}  // namespace
}  // namespace neon
