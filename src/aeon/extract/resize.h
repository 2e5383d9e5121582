#pragma once
#include <cstddef>
#include <cstdint>

#include "aeon/extract/extractor.h"

namespace aeon {

/// An 8-bit image somewhere in memory: (height, width, channels), rows `stride` bytes apart.
struct PixelView {
  const std::uint8_t* data = nullptr;
  std::int32_t height = 0, width = 0, channels = 0;
  std::size_t stride = 0;
};

/// Bilinear resize without antialiasing, bit for bit as aeon's LINEAR: weights of 11 bits, the horizontal pass exact,
/// the vertical one rounded in two places. `dst` is (height, width, src.channels), dense.
void resize_linear(const PixelView& src, std::int32_t height, std::int32_t width, std::uint8_t* dst, Scratch& scratch);

}  // namespace aeon
