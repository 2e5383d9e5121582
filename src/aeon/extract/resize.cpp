#include "aeon/extract/resize.h"

#include <algorithm>
#include <cmath>

#include "tensor/vectorized.h"

namespace aeon {
namespace {

constexpr float kOne = 2048;  // a weight of 1

struct Tap {
  std::int32_t index;
  std::int32_t w0, w1;  // of the pixels at index and index + 1; they add up to 2048 but for rounding
};

// Where pixel `i` of `dst` pixels lies among `src` pixels: centres map to centres.
Tap tap_of(std::int32_t i, std::int32_t src, std::int32_t dst, bool clamp) {
  const auto position = static_cast<float>((i + 0.5) * (static_cast<double>(src) / dst) - 0.5);
  auto index = static_cast<std::int32_t>(std::floor(position));
  float fraction = position - static_cast<float>(index);
  if (clamp && index < 0) index = 0, fraction = 0;
  if (clamp && index >= src - 1) index = src - 1, fraction = 0;
  return {index, static_cast<std::int32_t>(std::nearbyint((1 - fraction) * kOne)),
          static_cast<std::int32_t>(std::nearbyint(fraction * kOne))};
}

// line: (width, channels), pixels × 2048. taps: 4 numbers per output pixel: offsets of both pixels, their weights.
template <int Channels>
void horizontal(const std::uint8_t* row, const std::int32_t* taps, std::int32_t width, std::int32_t* line) {
  for (std::int32_t x = 0; x < width; ++x, taps += 4)
    for (int c = 0; c < Channels; ++c) *line++ = row[taps[0] + c] * taps[2] + row[taps[1] + c] * taps[3];
}

NCLOUD_VECTORIZED void vertical(const std::int32_t* line0, const std::int32_t* line1, std::int32_t w0, std::int32_t w1,
                                std::int32_t count, std::uint8_t* dst) {
  for (std::int32_t i = 0; i < count; ++i)
    dst[i] = static_cast<std::uint8_t>((((w0 * (line0[i] >> 4)) >> 16) + ((w1 * (line1[i] >> 4)) >> 16) + 2) >> 2);
}

}  // namespace

void resize_linear(const PixelView& src, std::int32_t height, std::int32_t width, std::uint8_t* dst, Scratch& scratch) {
  const std::int32_t channels = src.channels, count = width * channels;
  scratch.columns.resize(static_cast<std::size_t>(width) * 4);
  for (std::int32_t x = 0; x < width; ++x) {
    const Tap tap = tap_of(x, src.width, width, true);
    std::int32_t* packed = &scratch.columns[static_cast<std::size_t>(x) * 4];
    packed[0] = tap.index * channels;
    packed[1] = std::min(tap.index + 1, src.width - 1) * channels;
    packed[2] = tap.w0;
    packed[3] = tap.w1;
  }
  // Two lines are kept, each with the source row that it holds; output rows walk down the source.
  scratch.lines.resize(static_cast<std::size_t>(count) * 2);
  std::int32_t* lines[2] = {scratch.lines.data(), scratch.lines.data() + count};
  std::int32_t held[2] = {-1, -1};
  const auto fill = [&](int slot, std::int32_t row) {
    if (held[slot] == row) return;
    if (held[1 - slot] == row && slot == 0) {
      std::swap(lines[0], lines[1]);
      std::swap(held[0], held[1]);
      return;
    }
    const std::uint8_t* from = src.data + static_cast<std::size_t>(row) * src.stride;
    if (channels == 1)
      horizontal<1>(from, scratch.columns.data(), width, lines[slot]);
    else
      horizontal<3>(from, scratch.columns.data(), width, lines[slot]);
    held[slot] = row;
  };
  for (std::int32_t y = 0; y < height; ++y) {
    const Tap tap = tap_of(y, src.height, height, false);
    fill(0, std::clamp(tap.index, 0, src.height - 1));
    fill(1, std::clamp(tap.index + 1, 0, src.height - 1));
    vertical(lines[0], lines[1], tap.w0, tap.w1, count,
             dst + static_cast<std::size_t>(y) * static_cast<std::size_t>(count));
  }
}

}  // namespace aeon
