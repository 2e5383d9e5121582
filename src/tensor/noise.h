#pragma once
#include <span>

#include "tensor/runnable.h"

namespace tensor {

/// How random numbers are spread: mean 0 and deviation 1, or evenly from -1 to 1.
enum class Noise { normal, uniform };
constexpr auto enumerators(Noise) {
  return std::array{std::pair{Noise::normal, "normal"}, std::pair{Noise::uniform, "uniform"}};
}

/// Arguments: dst (n, ...), row-major. Row r of a step is draw_noise(…, seed, step, r).
Kernel noise(const Layout& dst, Noise type);

/// Fills one row: a function of the numbers given alone.
void draw_noise(std::span<float> row, Noise type, std::uint64_t seed, std::int64_t step, std::int64_t row_index);

}  // namespace tensor
