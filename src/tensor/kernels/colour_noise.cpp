#include "tensor/colour_noise.h"

#include "base/random.h"
#include "tensor/parallel.h"

namespace tensor {
namespace {

class Add final : public OwnKernel {
 public:
  Add(const Layout& src, const ColourNoise& noise)
      : OwnKernel("colour noise", {{Slot::src, src}, {Slot::dst, src}}), noise_(noise) {}

  void run(const RunContext& context) const override {
    const Shape& shape = arguments_[0].layout.shape();
    const std::int64_t n = shape[0], plane = element_count(shape) / n / 3;
    for_parts(n, threads_for(n * 3 * plane), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t row = begin; row < end; ++row) {
        const auto offsets = noise_.offsets(context.seed, context.step, row);
        for (std::int64_t c = 0; c < 3; ++c) {
          const float *from = at(0) + (row * 3 + c) * plane,
                      offset = static_cast<float>(offsets[static_cast<std::size_t>(c)]);
          float* to = at(1) + (row * 3 + c) * plane;
          for (std::int64_t i = 0; i < plane; ++i) to[i] = from[i] + offset;
        }
      }
    });
  }

 private:
  ColourNoise noise_;
};

}  // namespace

std::array<double, 3> ColourNoise::offsets(std::uint64_t seed, std::int64_t step, std::int64_t row) const {
  constexpr std::uint64_t kPurpose = 0x636f6c6f;  // keeps the stream apart from those of other uses
  base::Random random(
      seed, base::stream_of(kPurpose + stream, static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(row)));
  std::array<double, 3> sums{};
  for (std::size_t k = 0; k < 3; ++k) {
    const double along = deviation * random.normal() * deviations[k];
    for (std::size_t c = 0; c < 3; ++c) sums[c] += vectors[c][k] * along;
  }
  return sums;
}

Kernel colour_noise(const Layout& src, const ColourNoise& noise) { return std::make_shared<Add>(src, noise); }

}  // namespace tensor
