#pragma once
// PNG files for tests.
#include <png.h>

#include <cstdint>
#include <string>
#include <vector>

namespace aeon {

/// (height, width, channels) with 1 channel (gray) or 3 (b, g, r) or 4 (b, g, r, a).
inline std::string png_of(const std::vector<std::uint8_t>& pixels, std::uint32_t height, std::uint32_t width,
                          int channels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_BGR : PNG_FORMAT_BGRA;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr);
  std::string bytes(size, '\0');
  png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr);
  bytes.resize(size);
  return bytes;
}

}  // namespace aeon
