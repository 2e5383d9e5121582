#include "base/error.h"
#include "neon/layers/channel_loops.h"
#include "neon/parallel.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

class Bias final : public Layer {
 public:
  struct Config {
    Part init;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("init", &Config::init, "how it starts").required(),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Bias(const Config& config) : config_(config), init_(Shelf<Initializer>::instance().make(config.init)) {}

  std::optional<std::string> given_name() const override { return config_.name; }
  bool is_channel_bias() const override { return true; }
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  std::vector<ParameterSpec> parameters(const tensor::Shape& in) const override {
    return {{"W", {in[0]}, in[0], 1, false, init_}};
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;

  void reference_forward(Reference& r) const override {
    for (std::size_t i = 0; i < r.src.size(); ++i) r.dst[i] = r.src[i] + r.parameters[0][channel(r, i)];
  }
  void reference_backward(Reference& r) const override {
    r.diff_src = r.diff_dst;
    for (std::size_t i = 0; i < r.src.size(); ++i) r.gradients[0][channel(r, i)] += r.diff_dst[i];
  }
  std::vector<LayerCase> cases() const override {
    return {{R"({"init": "Gaussian"})", {7}},
            {R"({"init": "Gaussian"})", {5, 3, 4}},
            {R"({"init": "Gaussian"})", {16, 2, 2}}};
  }

 private:
  static std::size_t channel(const Reference& r, std::size_t i) {
    const auto channels = static_cast<std::size_t>(r.in[0]);
    return i / (r.src.size() / static_cast<std::size_t>(r.n) / channels) % channels;
  }

  Config config_;
  std::shared_ptr<const Initializer> init_;
};

NCLOUD_VECTORIZED
void add_bias(const float* x, const float* bias, float* y, std::int64_t positions, std::int64_t block) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t lane = 0; lane < block; ++lane) y[p * block + lane] = x[p * block + lane] + bias[lane];
}

NCLOUD_VECTORIZED
void sum_positions(const float* dy, float* sum, std::int64_t positions, std::int64_t block) {
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t lane = 0; lane < block; ++lane) sum[lane] += dy[p * block + lane];
}

/// A bias that no layer before it absorbed.
class Steps final : public LayerSteps {
 public:
  explicit Steps(const Node& node) : node_(node) {}

  Value forward(Booking& booking, const Value& src) override {
    const auto [x, order] = in_channel_order(booking, src, node_.name);
    Parameter& w = booking.parameter(node_, "W");
    const Value bias = booking.weights(w, tensor::Layout::row_major(tensor::Dtype::f32, w.spec->shape));
    const Value y = booking.value(x.layout);
    booking.may_replace(x, y);
    const int padded = booking.scratch(static_cast<std::size_t>(order.padded_channels()) * sizeof(float));
    booking.add(node_.name + " forward", {x.buffer, bias.buffer, y.buffer, padded},
                [order = order](std::byte* const* memory, const StepContext&) {
                  float* bias = floats(memory[3]);
                  std::fill_n(bias, order.padded_channels(), 0.0f);
                  std::copy_n(floats(memory[1]), order.channels, bias);
                  const std::int64_t image = order.blocks * order.positions * order.block;
                  for_parts(order.n, threads_for(order.size()), [&](std::int64_t begin, std::int64_t end, int) {
                    const std::int64_t step = order.positions * order.block;
                    for (std::int64_t at = begin * image, kb = 0; at < end * image;
                         at += step, kb = (kb + 1) % order.blocks)
                      add_bias(floats(memory[0]) + at, bias + kb * order.block, floats(memory[2]) + at, order.positions,
                               order.block);
                  });
                });
    return y;
  }

  Value backward(Booking& booking, const Value& diff_dst, bool) override {
    const auto [dy, order] = in_channel_order(booking, diff_dst, node_.name);
    Parameter& w = booking.parameter(node_, "W");
    const Value dw = booking.gradient(w, w.layout);
    const int sums = booking.scratch(static_cast<std::size_t>(order.padded_channels()) * sizeof(float));
    booking.add(node_.name + " backward", {dy.buffer, dw.buffer, sums},
                [order = order](std::byte* const* memory, const StepContext&) {
                  float* sums = floats(memory[2]);
                  std::fill_n(sums, order.padded_channels(), 0.0f);
                  // Parts of the channels, so that each sum is made by one thread in one order.
                  for_parts(order.blocks, threads_for(order.size()), [&](std::int64_t begin, std::int64_t end, int) {
                    for (std::int64_t n = 0; n < order.n; ++n)
                      for (std::int64_t kb = begin; kb < end; ++kb)
                        sum_positions(floats(memory[0]) + (n * order.blocks + kb) * order.positions * order.block,
                                      sums + kb * order.block, order.positions, order.block);
                  });
                  std::copy_n(sums, order.channels, floats(memory[1]));
                });
    return dy;
  }

 private:
  const Node& node_;
};

std::unique_ptr<LayerSteps> Bias::lower(const Group& group) const { return std::make_unique<Steps>(*group.node); }

const OnShelf<Layer, Bias> registered("Bias", "one number added per feature map or feature",
                                      R"((c, …) → (c, …). Parameter: W (c).)");

}  // namespace
}  // namespace neon
