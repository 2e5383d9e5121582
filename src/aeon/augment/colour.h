#pragma once
#include <cmath>
#include <cstdint>

namespace aeon {

/// Rounded half to even and kept in 0..255.
inline std::uint8_t to_pixel(float value) {
  return static_cast<std::uint8_t>(std::nearbyint(value < 0 ? 0.0f : value > 255 ? 255.0f : value));
}

}  // namespace aeon
