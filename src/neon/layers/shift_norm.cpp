#include "neon/layers/shift_norm.h"

#include <cmath>

#include "neon/layers/normalisation_steps.h"
#include "neon/lowering/channel_order.h"
#include "neon/onnx_nodes.h"
#include "tensor/normalisation.h"

namespace neon {
namespace {

double power_of(double s) { return s == 0 ? 0 : std::copysign(std::exp2(std::rint(std::log2(std::abs(s)))), s); }

/// The places of channel c.
std::vector<std::size_t> places(const Reference& r, std::int64_t c) {
  const std::int64_t channels = r.in()[0], positions = tensor::element_count(r.in()) / channels;
  std::vector<std::size_t> list;
  for (std::int64_t n = 0; n < r.n; ++n)
    for (std::int64_t p = 0; p < positions; ++p)
      list.push_back(static_cast<std::size_t>((n * channels + c) * positions + p));
  return list;
}

/// Mean and variance over the batch.
std::pair<double, double> statistics(const Reference& r, const std::vector<std::size_t>& places) {
  const auto count = static_cast<double>(places.size());
  double mean = 0, variance = 0;
  for (const std::size_t i : places) mean += r.src()[i] / count;
  for (const std::size_t i : places) variance += (r.src()[i] - mean) * power_of(r.src()[i] - mean) / count;
  return {mean, variance};
}

class Steps final : public NormalisationSteps {
 public:
  Steps(const Node& node, tensor::ShiftNormalisation how) : NormalisationSteps(node), how_(how) {}

 private:
  Value ordered(Lowering& lowering, const Value& src) const override {
    return in_feature_order(lowering, src, node().name);
  }
  tensor::Kernel forward_kernel(const tensor::Layout& layout, bool of_batch) const override {
    return tensor::shift_norm_forward(layout, how_, of_batch);
  }
  tensor::Kernel backward_kernel(const tensor::Layout& layout, bool of_batch) const override {
    return tensor::shift_norm_backward(layout, of_batch);
  }

  tensor::ShiftNormalisation how_;
};

}  // namespace

std::unique_ptr<LayerSteps> ShiftNorm::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node,
                                 tensor::ShiftNormalisation{static_cast<float>(rho), static_cast<float>(eps)});
}

std::vector<std::string> ShiftNorm::onnx(OnnxNodes& nodes) const {
  const tensor::Shape shape = nodes.for_features();
  std::vector<float> factors = nodes.values_of("gamma");
  const std::vector<float> variances = nodes.values_of("gvar");
  for (std::size_t c = 0; c < factors.size(); ++c)
    factors[c] = static_cast<float>(power_of(factors[c]) * power_of(1 / std::sqrt(variances[c] + eps)));
  const std::string centred = nodes.add("Sub", {nodes.in(), nodes.parameter("gmean", shape)});
  const std::string scaled = nodes.add("Mul", {centred, nodes.constant("factor", shape, std::move(factors))});
  return {nodes.add("Add", {scaled, nodes.parameter("beta", shape)})};
}

void ShiftNorm::reference_forward(Reference& r) const {
  for (std::int64_t c = 0; c < r.in()[0]; ++c) {
    const auto at = static_cast<std::size_t>(c);
    const auto list = places(r, c);
    auto [mean, variance] = std::pair(r.parameters[2][at], r.parameters[3][at]);
    if (r.training) {
      std::tie(mean, variance) = statistics(r, list);
      r.parameters[2][at] = rho * r.parameters[2][at] + (1 - rho) * mean;
      r.parameters[3][at] = rho * r.parameters[3][at] + (1 - rho) * variance;
    }
    const double factor = power_of(r.parameters[0][at]) * power_of(1 / std::sqrt(variance + eps));
    for (const std::size_t i : list) r.dst()[i] = factor * (r.src()[i] - mean) + r.parameters[1][at];
  }
}

void ShiftNorm::reference_backward(Reference& r) const {
  for (std::int64_t c = 0; c < r.in()[0]; ++c) {
    const auto at = static_cast<std::size_t>(c);
    const auto list = places(r, c);
    const auto [mean, variance] = statistics(r, list);
    const double inverse = power_of(1 / std::sqrt(variance + eps)), count = static_cast<double>(list.size());
    for (const std::size_t i : list) {
      r.gradients[0][at] += r.diff_dst()[i] * (r.src()[i] - mean) * inverse;
      r.gradients[1][at] += r.diff_dst()[i];
    }
    for (const std::size_t i : list)
      r.diff_src()[i] =
          power_of(r.parameters[0][at]) * inverse *
          (r.diff_dst()[i] - (r.src()[i] - mean) * inverse * r.gradients[0][at] / count - r.gradients[1][at] / count);
  }
}

}  // namespace neon
