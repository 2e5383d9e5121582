#include "base/error.h"
#include "base/random.h"
#include "neon/layers/channel_loops.h"
#include "neon/parallel.h"

namespace neon {
namespace {

/// Whether unit `element` (in plain order over batch and features) survives is a function of these numbers alone, so a
/// resumed training drops the same units. Four neighbours share one block of random numbers.
class Mask {
 public:
  Mask(std::uint64_t seed, std::int64_t layer_index, std::int64_t step, double keep)
      : seed_(seed),
        stream_(base::stream_of(kPurpose, static_cast<std::uint64_t>(layer_index), static_cast<std::uint64_t>(step))),
        threshold_(static_cast<std::uint64_t>(keep * 0x1p32)) {}

  std::array<bool, 4> four(std::int64_t block) const {
    const auto words = base::philox(seed_, stream_, static_cast<std::uint64_t>(block));
    return {words[0] < threshold_, words[1] < threshold_, words[2] < threshold_, words[3] < threshold_};
  }

 private:
  static constexpr std::uint64_t kPurpose = 0x64726f70;  // keeps the stream apart from those of other uses
  std::uint64_t seed_, stream_, threshold_;
};

class Dropout final : public Layer {
 public:
  struct Config {
    double keep = 0.5;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("keep", &Config::keep, "chance of a unit to survive").range(0, 1),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Dropout(const Config& config) : config_(config) {}

  std::optional<std::string> given_name() const override { return config_.name; }
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;

  void reference_forward(Reference& r) const override {
    for (std::size_t i = 0; i < r.src.size(); ++i)
      r.dst[i] = r.training ? (kept(r, i) ? r.src[i] : 0) : r.src[i] * config_.keep;
  }
  void reference_backward(Reference& r) const override {
    for (std::size_t i = 0; i < r.src.size(); ++i) r.diff_src[i] = kept(r, i) ? r.diff_dst[i] : 0;
  }
  std::vector<LayerCase> cases() const override {
    return {{R"({})", {37}}, {R"({"keep": 0.8})", {10, 3, 3}}, {R"({"keep": 1})", {4}}};
  }

 private:
  bool kept(const Reference& r, std::size_t i) const {
    return Mask(r.seed, r.layer_index, r.step, config_.keep).four(static_cast<std::int64_t>(i / 4))[i % 4];
  }
  Config config_;
};

void draw(std::uint8_t* mask, std::int64_t elements, const Mask& rule) {
  for_parts(
      elements, threads_for(elements),
      [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; i += 4) {
          const auto four = rule.four(i / 4);
          for (std::int64_t k = i; k < std::min(i + 4, end); ++k) mask[k] = four[static_cast<std::size_t>(k - i)];
        }
      },
      4);
}

/// y = mask ? x : 0, where x and y have `order` and the mask has plain order.
void apply(const float* x, const std::uint8_t* mask, float* y, const tensor::ChannelOrder& order) {
  const bool plain = order.block == 1 || (order.positions == 1 && order.padded_channels() == order.channels);
  if (plain) {
    for_elements(order.size(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = mask[i] ? x[i] : 0;
    });
    return;
  }
  for_parts(order.n * order.blocks, threads_for(order.size()), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t group = begin; group < end; ++group) {
      const std::int64_t n = group / order.blocks, c0 = group % order.blocks * order.block;
      for (std::int64_t p = 0; p < order.positions; ++p)
        for (std::int64_t lane = 0; lane < order.block; ++lane) {
          const std::int64_t i = (group * order.positions + p) * order.block + lane;
          const bool real = c0 + lane < order.channels;
          y[i] = real && mask[(n * order.channels + c0 + lane) * order.positions + p] ? x[i] : 0;
        }
    }
  });
}

class Steps final : public LayerSteps {
 public:
  Steps(const Node& node, double keep) : node_(node), keep_(keep) {}

  Value forward(Booking& booking, const Value& src) override {
    const auto [x, order] = in_channel_order(booking, src, node_.name);
    const Value y = booking.value(x.layout);
    booking.may_replace(x, y);
    if (!booking.training()) {
      // Not inverted: training leaves kept units as they are, so prediction scales them.
      const auto keep = static_cast<float>(keep_);
      booking.add(node_.name + " forward", {x.buffer, y.buffer},
                  [order = order, keep](std::byte* const* memory, const StepContext&) {
                    for_elements(order.size(), [&](std::int64_t begin, std::int64_t end) {
                      for (std::int64_t i = begin; i < end; ++i) floats(memory[1])[i] = floats(memory[0])[i] * keep;
                    });
                  });
      return y;
    }
    const std::int64_t elements = tensor::element_count(x.layout.shape());
    mask_ = booking.scratch(static_cast<std::size_t>(elements));
    booking.add(
        node_.name + " forward", {x.buffer, mask_, y.buffer},
        [=, order = order, keep = keep_, index = node_.index](std::byte* const* memory, const StepContext& context) {
          auto* mask = reinterpret_cast<std::uint8_t*>(memory[1]);
          draw(mask, elements, Mask(context.seed, index, context.scalars.step, keep));
          apply(floats(memory[0]), mask, floats(memory[2]), order);
        });
    return y;
  }

  Value backward(Booking& booking, const Value& diff_dst, bool wants_diff_src) override {
    if (!wants_diff_src) return {};
    const auto [dy, order] = in_channel_order(booking, diff_dst, node_.name);
    const Value dx = booking.value(dy.layout);
    booking.may_replace(dy, dx);
    booking.add(node_.name + " backward", {dy.buffer, mask_, dx.buffer},
                [order = order](std::byte* const* memory, const StepContext&) {
                  const auto* mask = reinterpret_cast<const std::uint8_t*>(memory[1]);
                  apply(floats(memory[0]), mask, floats(memory[2]), order);
                });
    return dx;
  }

 private:
  const Node& node_;
  double keep_;
  int mask_ = -1;
};

std::unique_ptr<LayerSteps> Dropout::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, config_.keep);
}

const OnShelf<Layer, Dropout> registered(
    "Dropout", "training: units dropped at random, the others unscaled; prediction: y = x·keep",
    R"(In training a unit is kept with chance `keep` and not scaled; otherwise all are multiplied by `keep`.)",
    {{"Dropout2d", ""}});

}  // namespace
}  // namespace neon
