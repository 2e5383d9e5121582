#include <cmath>

#include "base/error.h"
#include "neon/layers/batch_norm_kernels.h"
#include "neon/layers/channel_loops.h"
#include "neon/parallel.h"

namespace neon {
namespace {

class BatchNorm final : public Layer {
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
          base::field("binary", &Config::binary, "shift-based normalisation; not available"));
    }
  };
  explicit BatchNorm(const Config& config) : config_(config) {
    if (config.binary)
      throw base::Error(base::Code::invalid_argument, "BatchNorm with binary: true is not available; leave it out");
  }

  std::optional<std::string> given_name() const override { return config_.name; }
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    const std::int64_t c = in[0];
    return {{"gamma", {c}, c, 1, false, nullptr, 1.0f},
            {"beta", {c}, c, 1, false, nullptr, 0.0f},
            {"gmean", {c}, c, 1, false, nullptr, 0.0f, false},
            {"gvar", {c}, c, 1, false, nullptr, 0.0f, false}};
  }
  bool absorbs(const ElementWise& next) const override {
    return !next.identity && next.function.function == tensor::Function::rectlin;
  }
  std::int64_t statistics_per_example(const tensor::Shape& in) const override {
    return tensor::element_count(in) / in[0];
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;

  void reference_forward(Reference& r) const override {
    for (std::int64_t c = 0; c < r.in[0]; ++c) {
      const auto [mean, variance] = statistics(r, c);
      const auto at = static_cast<std::size_t>(c);
      const double inverse = 1 / std::sqrt(variance + config_.eps);
      for_each_of(r, c, [&](std::size_t i) {
        r.dst[i] = r.parameters[0][at] * (r.src[i] - mean) * inverse + r.parameters[1][at];
      });
      if (!r.training) continue;
      r.parameters[2][at] = config_.rho * r.parameters[2][at] + (1 - config_.rho) * mean;
      r.parameters[3][at] = config_.rho * r.parameters[3][at] + (1 - config_.rho) * variance;
    }
  }
  void reference_backward(Reference& r) const override {
    const double count = static_cast<double>(r.src.size()) / static_cast<double>(r.in[0]);
    for (std::int64_t c = 0; c < r.in[0]; ++c) {
      const auto [mean, variance] = statistics(r, c);
      const auto at = static_cast<std::size_t>(c);
      const double inverse = 1 / std::sqrt(variance + config_.eps), m = mean;
      double sum = 0, sum_x = 0;
      for_each_of(r, c, [&](std::size_t i) {
        sum += r.diff_dst[i];
        sum_x += r.diff_dst[i] * (r.src[i] - m) * inverse;
      });
      r.gradients[0][at] += sum_x;
      r.gradients[1][at] += sum;
      for_each_of(r, c, [&](std::size_t i) {
        r.diff_src[i] =
            r.parameters[0][at] * inverse * (r.diff_dst[i] - sum / count - (r.src[i] - m) * inverse * sum_x / count);
      });
    }
  }
  std::vector<LayerCase> cases() const override {
    return {{R"({})", {5}}, {R"({"rho": 0.8, "eps": 0.01})", {3, 4, 4}}, {R"({})", {16, 3, 5}}, {R"({})", {24}}};
  }

 private:
  template <class Visit>
  static void for_each_of(const Reference& r, std::int64_t c, Visit&& visit) {
    const std::int64_t channels = r.in[0], positions = static_cast<std::int64_t>(r.src.size()) / r.n / channels;
    for (std::int64_t n = 0; n < r.n; ++n)
      for (std::int64_t p = 0; p < positions; ++p) visit(static_cast<std::size_t>((n * channels + c) * positions + p));
  }
  std::pair<double, double> statistics(const Reference& r, std::int64_t c) const {
    if (!r.training)
      return {r.parameters[2][static_cast<std::size_t>(c)], r.parameters[3][static_cast<std::size_t>(c)]};
    const double count = static_cast<double>(r.src.size()) / static_cast<double>(r.in[0]);
    double mean = 0, variance = 0;
    for_each_of(r, c, [&](std::size_t i) { mean += r.src[i] / count; });
    for_each_of(r, c, [&](std::size_t i) { variance += (r.src[i] - mean) * (r.src[i] - mean) / count; });
    return {mean, variance};
  }

  Config config_;
};

/// Per-channel numbers that the forward step leaves for the backward one, `padded_channels` of each. Padding channels
/// hold zeros, which keeps the padding of the activations zero.
enum Saved { kScale, kShift, kMean, kInverse, kB, kC, kSavedCount };

/// Calls visit(thread, offset into the tensor, offset into per-channel arrays) for each example and channel block.
template <class Visit>
void for_each_block(const tensor::ChannelOrder& order, int threads, Visit&& visit) {
  for_parts(order.n, threads, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t n = begin; n < end; ++n)
      for (std::int64_t kb = 0; kb < order.blocks; ++kb)
        visit(thread, n - begin, (n * order.blocks + kb) * order.positions * order.block, kb * order.block);
  });
}

/// The statistics of a batch: each thread those of its examples, then joined in thread order. `parts` holds per thread
/// (mean, m2); the result is in the first thread's place.
void find_moments(const float* x, const tensor::ChannelOrder& order, int threads, float* parts) {
  const std::int64_t c = order.padded_channels();
  std::fill_n(parts, 2 * c * threads, 0.0f);
  for_each_block(order, threads, [&](int thread, std::int64_t done, std::int64_t at, std::int64_t channel) {
    float* mean = parts + 2 * c * thread + channel;
    add_to_moments(x + at, order.positions, order.block, static_cast<float>(done * order.positions), mean, mean + c);
  });
  const auto examples_before = [&](int part) { return static_cast<float>(order.n * part / threads * order.positions); };
  for (int part = 1; part < threads; ++part) {
    const float before = examples_before(part), count = examples_before(part + 1) - before;
    if (count == 0) continue;
    const float* mean = parts + 2 * c * part;
    for (std::int64_t i = 0; i < c; ++i) {
      const float delta = mean[i] - parts[i];
      parts[i] += delta * (count / (before + count));
      parts[c + i] += mean[c + i] + delta * delta * (before * count / (before + count));
    }
  }
}

class Steps final : public LayerSteps {
 public:
  Steps(const Group& group, float rho, float eps) : group_(group), rho_(rho), eps_(eps) {
    const auto then = group.then();
    slope_ = then && !then->identity ? then->function.slope : 1.0f;
  }

  Value forward(Booking& booking, const Value& src) override {
    const Node& node = *group_.node;
    const auto [x, order] = in_channel_order(booking, src, node.name);
    x_ = x;
    order_ = order;
    const Value dst = booking.value(x.layout);
    saved_ = booking.scratch(static_cast<std::size_t>(kSavedCount * order.padded_channels()) * sizeof(float));
    std::vector<int> buffers{x.buffer, dst.buffer, saved_};
    for (const char* name : {"gamma", "beta", "gmean", "gvar"}) {
      Parameter& p = booking.parameter(node, name);
      buffers.push_back(booking.weights(p, tensor::Layout::row_major(tensor::Dtype::f32, p.spec->shape)).buffer);
    }
    if (booking.training()) {
      const int threads = threads_for(order.size());
      buffers.push_back(
          booking.scratch(static_cast<std::size_t>(2 * order.padded_channels() * threads) * sizeof(float)));
      booking.add(
          node.name + " forward", buffers,
          [=, order = order, rho = rho_, eps = eps_, slope = slope_](std::byte* const* memory, const StepContext&) {
            float* parts = floats(memory[7]);
            find_moments(floats(memory[0]), order, threads, parts);
            const auto count = static_cast<float>(order.n * order.positions);
            float *gmean = floats(memory[5]), *gvar = floats(memory[6]);
            for (std::int64_t c = 0; c < order.channels; ++c) {
              const float variance = parts[order.padded_channels() + c] / count;
              gmean[c] = rho * gmean[c] + (1 - rho) * parts[c];
              gvar[c] = rho * gvar[c] + (1 - rho) * variance;
              parts[order.padded_channels() + c] = variance;
            }
            normalise(memory, order, threads, parts, parts + order.padded_channels(), eps, slope);
          });
    } else {
      booking.may_replace(x, dst);
      const int threads = threads_for(order.size());
      booking.add(node.name + " forward", buffers,
                  [=, order = order, eps = eps_, slope = slope_](std::byte* const* memory, const StepContext&) {
                    normalise(memory, order, threads, floats(memory[5]), floats(memory[6]), eps, slope);
                  });
    }
    return dst;
  }

  Value backward(Booking& booking, const Value& diff_dst, bool wants_diff_src) override {
    const Node& node = *group_.node;
    const Value dy = booking.in_layout(diff_dst, x_.layout, node.name + " error in another order");
    const int threads = threads_for(order_.size());
    const int parts = booking.scratch(static_cast<std::size_t>(2 * order_.padded_channels() * threads) * sizeof(float));
    Parameter &gamma = booking.parameter(node, "gamma"), &beta = booking.parameter(node, "beta");
    booking.add(node.name + " backward sums", {x_.buffer, dy.buffer, saved_, gamma.gradient, beta.gradient, parts},
                [threads, order = order_, slope = slope_](std::byte* const* memory, const StepContext&) {
                  gradient_sums(memory, order, threads, slope);
                });
    if (!wants_diff_src) return {};
    const Value dx = booking.value(x_.layout);
    booking.may_replace(dy, dx);
    booking.add(node.name + " backward data", {x_.buffer, dy.buffer, saved_, dx.buffer},
                [threads, order = order_, slope = slope_](std::byte* const* memory, const StepContext&) {
                  const float* saved = floats(memory[2]);
                  const std::int64_t c = order.padded_channels();
                  for_each_block(order, threads, [&](int, std::int64_t, std::int64_t at, std::int64_t k) {
                    input_gradient(floats(memory[0]) + at, floats(memory[1]) + at, saved + kScale * c + k,
                                   saved + kShift * c + k, saved + kB * c + k, saved + kC * c + k, slope,
                                   floats(memory[3]) + at, order.positions, order.block);
                  });
                });
    return dx;
  }

 private:
  /// memory: x, dst, saved, gamma, beta.
  static void normalise(std::byte* const* memory, const tensor::ChannelOrder& order, int threads, const float* mean,
                        const float* variance, float eps, float slope) {
    const std::int64_t c = order.padded_channels();
    float* saved = floats(memory[2]);
    std::fill_n(saved, kSavedCount * c, 0.0f);
    for (std::int64_t i = 0; i < order.channels; ++i) {
      const float inverse = 1 / std::sqrt(variance[i] + eps);
      saved[kMean * c + i] = mean[i];
      saved[kInverse * c + i] = inverse;
      saved[kScale * c + i] = floats(memory[3])[i] * inverse;
      saved[kShift * c + i] = floats(memory[4])[i] - mean[i] * saved[kScale * c + i];
    }
    for_each_block(order, threads, [&](int, std::int64_t, std::int64_t at, std::int64_t k) {
      scale_and_shift(floats(memory[0]) + at, saved + kScale * c + k, saved + kShift * c + k, slope,
                      floats(memory[1]) + at, order.positions, order.block);
    });
  }

  /// memory: x, dy, saved, gamma's gradient, beta's gradient, per-thread sums.
  static void gradient_sums(std::byte* const* memory, const tensor::ChannelOrder& order, int threads, float slope) {
    const std::int64_t c = order.padded_channels();
    float *saved = floats(memory[2]), *parts = floats(memory[5]);
    std::fill_n(parts, 2 * c * threads, 0.0f);
    for_each_block(order, threads, [&](int thread, std::int64_t, std::int64_t at, std::int64_t k) {
      float* sum_g = parts + 2 * c * thread + k;
      add_gradient_sums(floats(memory[0]) + at, floats(memory[1]) + at, saved + kScale * c + k, saved + kShift * c + k,
                        saved + kMean * c + k, slope, sum_g, sum_g + c, order.positions, order.block);
    });
    const auto count = static_cast<float>(order.n * order.positions);
    for (std::int64_t i = 0; i < order.channels; ++i) {
      float sum_g = 0, sum_gx = 0;
      for (int part = 0; part < threads; ++part) {
        sum_g += parts[2 * c * part + i];
        sum_gx += parts[2 * c * part + c + i];
      }
      const float inverse = saved[kInverse * c + i], scale = saved[kScale * c + i];
      floats(memory[3])[i] = sum_gx * inverse;
      floats(memory[4])[i] = sum_g;
      // dx = scale·(g - Σg/count - x̂·Σ(g·x̂)/count), written as scale·g + b·x + c.
      const float b = -scale * inverse * inverse * sum_gx / count;
      saved[kB * c + i] = b;
      saved[kC * c + i] = -scale * sum_g / count - b * saved[kMean * c + i];
    }
  }

  Group group_;
  float rho_, eps_, slope_;
  Value x_;
  tensor::ChannelOrder order_;
  int saved_ = -1;
};

std::unique_ptr<LayerSteps> BatchNorm::lower(const Group& group) const {
  return std::make_unique<Steps>(group, static_cast<float>(config_.rho), static_cast<float>(config_.eps));
}

const OnShelf<Layer, BatchNorm> registered(
    "BatchNorm", "each feature map to mean beta and deviation gamma over the batch",
    R"((c, …) → (c, …): y = gamma·(x − mean) / sqrt(variance + eps) + beta, with the statistics of the batch in training and the running
ones, kept with weight `rho`, otherwise. Parameters: gamma, beta, gmean, gvar, each (c). Source: Ioffe and Szegedy 2015.)",
    {{"BatchNorm1d", ""}, {"BatchNorm2d", ""}, {"BatchNorm3d", ""}, {"BatchNormalization", ""}});

}  // namespace
}  // namespace neon
