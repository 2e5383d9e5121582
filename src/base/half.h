#pragma once
#include <bit>
#include <cstdint>

namespace base {

/// IEEE 754's binary16 as binary32.
inline float float_of_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16, exponent = half >> 10 & 31u,
                      fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero, or a number under the least normal one
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 0xffu : exponent + 112u;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

}  // namespace base
