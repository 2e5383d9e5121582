#include <cmath>

#include "neon/layers/shift_norm.h"
#include "neon/lowering/channel_order.h"
#include "neon/lowering/unary_steps.h"
#include "neon/onnx_nodes.h"

namespace neon {
namespace {

using tensor::Slot;

class BatchNorm final : public UnaryLayer {
 public:
  struct Config {
    double rho = 0.9;
    double eps = 1e-3;
    std::optional<std::string> name;
    bool binary = false;
    static constexpr auto fields() {
      return std::tuple(
          base::field("rho", &Config::rho, "weight of the old value in the running statistics").range(0, 1),
          base::field("eps", &Config::eps, "added to the variance").positive(),
          base::field("name", &Config::name, "a name, unique in the model"),
          base::field("binary", &Config::binary, "factors are powers of two, as in ShiftBatchNorm"));
    }
  };
  explicit BatchNorm(const Config& config) : config_(config), shifts_{config.rho, config.eps} {}

  std::optional<std::string> given_name() const override { return config_.name; }
  Sight sight(std::size_t) const override { return Sight::itself; }
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    const std::int64_t c = in[0];
    return {{"gamma", {c}, c, 1, false, nullptr, 1.0f},
            {"beta", {c}, c, 1, false, nullptr, 0.0f},
            {"gmean", {c}, c, 1, false, nullptr, 0.0f, false, config_.rho},
            {"gvar", {c}, c, 1, false, nullptr, 0.0f, false, config_.rho}};
  }
  bool absorbs(const Transform& next) const override {
    const auto function = next.vendor_function();
    return !config_.binary && function && function->function == tensor::Function::rectlin;
  }
  std::int64_t statistics_per_example(const tensor::Shape& in) const override {
    return tensor::element_count(in) / in[0];
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    if (config_.binary) return shifts_.onnx(nodes);
    return {nodes.add("BatchNormalization",
                      {nodes.in(), nodes.parameter("gamma"), nodes.parameter("beta"), nodes.parameter("gmean"),
                       nodes.parameter("gvar")},
                      {{"epsilon", static_cast<float>(config_.eps)}})};
  }

  void reference_forward(Reference& r) const override {
    if (config_.binary) return shifts_.reference_forward(r);
    for (std::int64_t c = 0; c < r.in()[0]; ++c) {
      const auto [mean, variance] = statistics(r, c);
      const auto at = static_cast<std::size_t>(c);
      const double inverse = 1 / std::sqrt(variance + config_.eps);
      for_each_of(r, c, [&](std::size_t i) {
        r.dst()[i] = r.parameters[0][at] * (r.src()[i] - mean) * inverse + r.parameters[1][at];
      });
      if (!r.training) continue;
      r.parameters[2][at] = config_.rho * r.parameters[2][at] + (1 - config_.rho) * mean;
      r.parameters[3][at] = config_.rho * r.parameters[3][at] + (1 - config_.rho) * variance;
    }
  }
  void reference_backward(Reference& r) const override {
    if (config_.binary) return shifts_.reference_backward(r);
    const double count = static_cast<double>(r.src().size()) / static_cast<double>(r.in()[0]);
    for (std::int64_t c = 0; c < r.in()[0]; ++c) {
      const auto [mean, variance] = statistics(r, c);
      const auto at = static_cast<std::size_t>(c);
      const double inverse = 1 / std::sqrt(variance + config_.eps), m = mean;
      double sum = 0, sum_x = 0;
      for_each_of(r, c, [&](std::size_t i) {
        sum += r.diff_dst()[i];
        sum_x += r.diff_dst()[i] * (r.src()[i] - m) * inverse;
      });
      r.gradients[0][at] += sum_x;
      r.gradients[1][at] += sum;
      for_each_of(r, c, [&](std::size_t i) {
        r.diff_src()[i] = r.parameters[0][at] * inverse *
                          (r.diff_dst()[i] - sum / count - (r.src()[i] - m) * inverse * sum_x / count);
      });
    }
  }
  static std::vector<LayerCase> cases() {
    return {{R"({})", {5}},    {R"({"rho": 0.8, "eps": 0.01})", {3, 4, 4}},  {R"({})", {16, 3, 5}}, {R"({})", {24}},
            {R"({})", {6, 5}}, {R"({"binary": true})", {6, 3, 3}, {}, false}};
  }

 private:
  template <class Visit>
  static void for_each_of(const Reference& r, std::int64_t c, Visit&& visit) {
    const std::int64_t channels = r.in()[0], positions = static_cast<std::int64_t>(r.src().size()) / r.n / channels;
    for (std::int64_t n = 0; n < r.n; ++n)
      for (std::int64_t p = 0; p < positions; ++p) visit(static_cast<std::size_t>((n * channels + c) * positions + p));
  }
  std::pair<double, double> statistics(const Reference& r, std::int64_t c) const {
    if (!r.training)
      return {r.parameters[2][static_cast<std::size_t>(c)], r.parameters[3][static_cast<std::size_t>(c)]};
    const double count = static_cast<double>(r.src().size()) / static_cast<double>(r.in()[0]);
    double mean = 0, variance = 0;
    for_each_of(r, c, [&](std::size_t i) { mean += r.src()[i] / count; });
    for_each_of(r, c, [&](std::size_t i) { variance += (r.src()[i] - mean) * (r.src()[i] - mean) / count; });
    return {mean, variance};
  }

  Config config_;
  ShiftNorm shifts_;  ///< what it is if binary
};

class Steps final : public UnarySteps {
 public:
  Steps(const Group& group, tensor::Normalisation how) : node_(*group.node), how_(how) {
    if (const auto then = group.then()) how_.slope = then->transform->vendor_function()->slope;
  }

  Value forward(Lowering& lowering, const Value& src) override {
    x_ = in_feature_order(lowering, src, node_.name);
    const Value dst = lowering.value(x_.layout);
    const tensor::Kernel kernel = tensor::batch_norm_forward(x_.layout, how_, lowering.takes_statistics(node_));
    saved_ = lowering.workspace(kernel);
    const auto weights = [&](std::string_view name) {
      return lowering.plain_weights(lowering.parameter(node_, name)).buffer;
    };
    const int gamma = weights("gamma"), beta = weights("beta"), gmean = weights("gmean"), gvar = weights("gvar");
    if (!lowering.training()) lowering.may_replace(x_, dst);
    lowering.add(node_.name + " forward", kernel,
                 {{Slot::src, x_.buffer},
                  {Slot::scale, gamma},
                  {Slot::shift, beta},
                  {Slot::mean, gmean},
                  {Slot::variance, gvar},
                  {Slot::dst, dst.buffer},
                  {Slot::workspace, saved_}});
    return dst;
  }

  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) override {
    const Value dy = lowering.in_layout(diff_dst, x_.layout, node_.name + " error in another order");
    if (lowering.takes_statistics(node_)) add_sums(lowering, dy);
    if (!wants_diff_src) return {};
    const Value dx = lowering.value(x_.layout);
    lowering.may_replace(dy, dx);
    lowering.add(
        node_.name + " backward data", tensor::batch_norm_backward_data(x_.layout, how_),
        {{Slot::src, x_.buffer}, {Slot::diff_dst, dy.buffer}, {Slot::workspace, saved_}, {Slot::diff_src, dx.buffer}});
    return dx;
  }

 private:
  /// The gradients of gamma and beta, and what the input's gets because the statistics are the batch's.
  void add_sums(Lowering& lowering, const Value& dy) const {
    lowering.add(node_.name + " backward sums", tensor::batch_norm_backward_sums(x_.layout, how_),
                 {{Slot::src, x_.buffer},
                  {Slot::diff_dst, dy.buffer},
                  {Slot::workspace, saved_},
                  {Slot::diff_scale, lowering.parameter(node_, "gamma").gradient},
                  {Slot::diff_shift, lowering.parameter(node_, "beta").gradient}});
  }

  const Node& node_;
  tensor::Normalisation how_;
  Value x_;
  int saved_ = -1;
};

std::unique_ptr<LayerSteps> BatchNorm::lower(const Group& group) const {
  if (config_.binary) return shifts_.lower(group);
  return std::make_unique<Steps>(
      group, tensor::Normalisation{static_cast<float>(config_.rho), static_cast<float>(config_.eps)});
}

const OnShelf<GraphPart, BatchNorm> registered(
    "BatchNorm", "each feature map to mean beta and deviation gamma over the batch",
    R"((c, …) → (c, …): y = gamma·(x − mean) / sqrt(variance + eps) + beta, with the statistics of the batch in training and the running
ones, kept with weight `rho`, otherwise. Parameters: gamma, beta, gmean, gvar, each (c). With `binary` all factors are powers of two; see `ShiftBatchNorm`. Source: Ioffe
and Szegedy 2015.)",
    {{"BatchNorm1d", ""}, {"BatchNorm2d", ""}, {"BatchNorm3d", ""}, {"BatchNormalization", ""}});

}  // namespace
}  // namespace neon
