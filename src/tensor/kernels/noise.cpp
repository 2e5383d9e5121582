#include "tensor/noise.h"

#include "base/random.h"
#include "tensor/parallel.h"

namespace tensor {
namespace {

class Draw final : public OwnKernel {
 public:
  Draw(const Layout& dst, Noise type) : OwnKernel("noise", {{Slot::dst, dst}}), type_(type) {}

  void run(const RunContext& context) const override {
    const Shape& shape = arguments_[0].layout.shape();
    const std::int64_t rows = shape[0], each = element_count(shape) / rows;
    for_parts(rows, threads_for(rows * each), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t row = begin; row < end; ++row)
        draw_noise({at(0) + row * each, static_cast<std::size_t>(each)}, type_, context.seed, context.step, row);
    });
  }

 private:
  Noise type_;
};

}  // namespace

Kernel noise(const Layout& dst, Noise type) { return std::make_shared<Draw>(dst, type); }

void draw_noise(std::span<float> row, Noise type, std::uint64_t seed, std::int64_t step, std::int64_t row_index) {
  constexpr std::uint64_t kPurpose = 0x6e6f6973;  // keeps the stream apart from those of other uses
  base::Random random(
      seed, base::stream_of(kPurpose, static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(row_index)));
  for (float& value : row) value = static_cast<float>(type == Noise::normal ? random.normal() : random.uniform(-1, 1));
}

}  // namespace tensor
