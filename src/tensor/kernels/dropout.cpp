#include <algorithm>
#include <array>

#include "base/random.h"
#include "tensor/kernels/dropout.h"
#include "tensor/operations.h"
#include "tensor/parallel.h"

namespace tensor {
namespace {

/// Whether unit `element` (in plain order over batch and features) survives is a function of these numbers alone, so a
/// resumed training drops the same units. Four neighbours share one block of random numbers.
class Mask {
 public:
  Mask(std::uint64_t seed, std::uint64_t stream, std::int64_t step, double keep)
      : seed_(seed),
        stream_(base::stream_of(kPurpose, stream, static_cast<std::uint64_t>(step))),
        threshold_(static_cast<std::uint64_t>(keep * 0x1p32)) {}

  std::array<bool, 4> four(std::int64_t block) const {
    const auto words = base::philox(seed_, stream_, static_cast<std::uint64_t>(block));
    return {words[0] < threshold_, words[1] < threshold_, words[2] < threshold_, words[3] < threshold_};
  }

 private:
  static constexpr std::uint64_t kPurpose = 0x64726f70;  // keeps the stream apart from those of other uses
  std::uint64_t seed_, stream_, threshold_;
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

/// y = mask ? factor·x : 0, where x and y have `order` and the mask has plain order.
void apply(const float* x, const std::uint8_t* mask, float* y, const ChannelOrder& order, float factor) {
  const bool plain = order.block == 1 || (order.positions == 1 && order.padded_channels() == order.channels);
  if (plain) {
    for_elements(order.size(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = mask[i] ? factor * x[i] : 0;
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
          y[i] = real && mask[(n * order.channels + c0 + lane) * order.positions + p] ? factor * x[i] : 0;
        }
    }
  });
}

/// The same for time-major sequences (n, features, t).
void apply_time_major(const float* x, const std::uint8_t* mask, float* y, const Shape& shape, float factor) {
  const std::int64_t n = shape[0], features = shape[1], steps = shape[2];
  for_parts(n * steps, threads_for(n * features * steps), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::uint8_t* plain = mask + row % n * features * steps + row / n;
      for (std::int64_t f = 0; f < features; ++f)
        y[row * features + f] = plain[f * steps] ? factor * x[row * features + f] : 0;
    }
  });
}

void apply(const float* x, const std::uint8_t* mask, float* y, const Layout& layout, float factor) {
  if (const auto order = layout.channel_order()) return apply(x, mask, y, *order, factor);
  apply_time_major(x, mask, y, layout.shape(), factor);
}

class DropoutForward final : public OwnKernel {
 public:
  DropoutForward(const Layout& src, const Dropping& dropping)
      : OwnKernel("dropout", {{Slot::src, src},
                              {Slot::workspace, {}, static_cast<std::size_t>(element_count(src.shape()))},
                              {Slot::dst, src}}),
        dropping_(dropping) {}

  void run(const RunContext& context) const override {
    draw(at<std::uint8_t>(1), element_count(arguments_[0].layout.shape()),
         Mask(context.seed, dropping_.stream, context.step, dropping_.keep));
    apply(at(0), at<std::uint8_t>(1), at(2), arguments_[0].layout, dropping_.factor);
  }

 private:
  Dropping dropping_;
};

class DropoutBackward final : public OwnKernel {
 public:
  DropoutBackward(const Layout& diff_dst, const Dropping& dropping)
      : OwnKernel("dropout derivative",
                  {{Slot::diff_dst, diff_dst},
                   {Slot::workspace, {}, static_cast<std::size_t>(element_count(diff_dst.shape()))},
                   {Slot::diff_src, diff_dst}}),
        factor_(dropping.factor) {}

  void run(const RunContext&) const override {
    apply(at(0), at<std::uint8_t>(1), at(2), arguments_[0].layout, factor_);
  }

 private:
  float factor_;
};

}  // namespace

Kernel dropout_forward(const Layout& src, const Dropping& dropping) {
  return std::make_shared<DropoutForward>(src, dropping);
}
Kernel dropout_backward(const Layout& diff_dst, const Dropping& dropping) {
  return std::make_shared<DropoutBackward>(diff_dst, dropping);
}

void draw_survivors(const Dropping& dropping, std::uint64_t seed, std::int64_t step, std::int64_t first,
                    std::span<std::uint8_t> survives) {
  const Mask rule(seed, dropping.stream, step, dropping.keep);
  const std::int64_t end = first + static_cast<std::int64_t>(survives.size());
  for (std::int64_t block = first / 4; block * 4 < end; ++block) {
    const auto four = rule.four(block);
    for (std::int64_t unit = std::max(first, 4 * block); unit < std::min(end, 4 * block + 4); ++unit)
      survives[static_cast<std::size_t>(unit - first)] = four[static_cast<std::size_t>(unit % 4)];
  }
}

bool survives(const Dropping& dropping, std::uint64_t seed, std::int64_t step, std::int64_t unit) {
  return Mask(seed, dropping.stream, step, dropping.keep).four(unit / 4)[static_cast<std::size_t>(unit % 4)];
}

}  // namespace tensor
