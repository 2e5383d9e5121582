#include "base/error.h"
#include "neon/layers/product_steps.h"
#include "neon/lowering/element_wise.h"

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
    if (in.size() == 2)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("inputs of {} (features, time steps) need a recurrent network; expected (features) or "
                      "(c, h, w)",
                      tensor::text(in)));
    return {config_.nout};
  }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    const std::int64_t nin = tensor::element_count(in);
    return {{"W", {config_.nout, nin}, config_.nout, nin, false, init_}};
  }
  bool absorbs_bias() const override { return true; }
  bool absorbs(const Transform& next) const override { return next.is_identity() || next.vendor_function(); }
  double operations(const tensor::Shape& in) const override {
    return static_cast<double>(tensor::element_count(in)) * static_cast<double>(config_.nout);
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;

  void reference_forward(Reference& r) const override {
    const std::int64_t nin = tensor::element_count(r.in()), nout = config_.nout;
    for (std::int64_t n = 0; n < r.n; ++n)
      for (std::int64_t o = 0; o < nout; ++o) {
        double sum = 0;
        for (std::int64_t i = 0; i < nin; ++i) sum += r.parameters[0][o * nin + i] * r.src()[n * nin + i];
        r.dst()[n * nout + o] = sum;
      }
  }
  void reference_backward(Reference& r) const override {
    const std::int64_t nin = tensor::element_count(r.in()), nout = config_.nout;
    for (std::int64_t n = 0; n < r.n; ++n)
      for (std::int64_t o = 0; o < nout; ++o)
        for (std::int64_t i = 0; i < nin; ++i) {
          r.diff_src()[n * nin + i] += r.parameters[0][o * nin + i] * r.diff_dst()[n * nout + o];
          r.gradients[0][o * nin + i] += r.src()[n * nin + i] * r.diff_dst()[n * nout + o];
        }
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"nout": 5, "init": "Gaussian"})", {7}},
            {R"({"nout": 10, "init": {"type": "Gaussian", "config": {"scale": 0.1}}})", {33}},
            {R"({"nout": 16, "init": "Gaussian"})", {3, 4, 5}},
            {R"({"nout": 1, "init": "Gaussian"})", {1}}};
  }

 private:
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
  return std::make_unique<Steps>(group, config_.nout);
}

const OnShelf<GraphPart, Linear> registered("Linear", "y = W·x",
                                            R"((features) or (c, h, w) → (nout). Parameter: W (nout, nin).)");

}  // namespace
}  // namespace neon
