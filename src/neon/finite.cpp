#include "neon/finite.h"

#include <bit>

#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED
std::uint32_t exponents_full(const float* values, std::size_t count) {
  std::uint32_t found = 0;  // an exponent of ones is what infinities and NaN have in common
  for (std::size_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    found |= (bits & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
  }
  return found;
}

}  // namespace

bool all_finite(std::span<const float> values) { return exponents_full(values.data(), values.size()) == 0; }

}  // namespace neon
