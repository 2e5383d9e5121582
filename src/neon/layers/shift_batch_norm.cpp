#include "neon/layers/shift_norm.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class ShiftBatchNorm final : public UnaryLayer {
 public:
  struct Config {
    double rho = 0.99;
    double eps = 1e-6;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("rho", &Config::rho, "weight of the old value in the running statistics").range(0, 1),
          base::field("eps", &Config::eps, "added to the variance").positive(),
          base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit ShiftBatchNorm(const Config& config) : name_(config.name), shifts_{config.rho, config.eps} {}

  std::optional<std::string> given_name() const override { return name_; }
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    const std::int64_t c = in[0];
    return {{"gamma", {c}, c, 1, false, nullptr, 1.0f},
            {"beta", {c}, c, 1, false, nullptr, 0.0f},
            {"gmean", {c}, c, 1, false, nullptr, 0.0f, false, shifts_.rho},
            {"gvar", {c}, c, 1, false, nullptr, 0.0f, false, shifts_.rho}};
  }
  std::int64_t statistics_per_example(const tensor::Shape& in) const override {
    return tensor::element_count(in) / in[0];
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override { return shifts_.lower(group); }
  std::vector<std::string> onnx(OnnxNodes& nodes) const override { return shifts_.onnx(nodes); }
  void reference_forward(Reference& r) const override { shifts_.reference_forward(r); }
  void reference_backward(Reference& r) const override { shifts_.reference_backward(r); }

  static std::vector<LayerCase> cases() {
    return {{R"({})", {7}, {}, false},
            {R"({"rho": 0.8})", {5, 4, 3}, {}, false},
            {R"({})", {16, 3, 4}, {}, false},
            {R"({"eps": 0.001})", {24}, {}, false},
            {R"({})", {6, 5}, {}, false}};
  }

 private:
  std::optional<std::string> name_;
  ShiftNorm shifts_;
};

const OnShelf<GraphPart, ShiftBatchNorm> registered(
    "ShiftBatchNorm", "batch normalisation by powers of two, for binary networks",
    R"((c, …) → (c, …): y = P(gamma)·P(1 / sqrt(v + eps))·(x − m) + beta, where P(s) is the power of two nearest to s by its logarithm, with
its sign, and v is the mean of (x − m)·P(x − m): all products can be shifts. m and v are the batch's in training and the running ones
otherwise. The way back takes every power as the number that it stands for; it is no derivative of the forward pass, which has
jumps. Parameters: gamma, beta, gmean, gvar, each (c). Source: Courbariaux, Hubara, Soudry, El-Yaniv and Bengio 2016.)");

}  // namespace
}  // namespace neon
