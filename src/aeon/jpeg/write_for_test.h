#pragma once
// JPEG files for tests.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <jpeglib.h>  // needs <cstddef> and <cstdio>

namespace aeon {

struct JpegStyle {
  J_COLOR_SPACE pixels = JCS_EXT_BGR;  ///< what the pixels are: JCS_CMYK has four channels, 255 is no ink
  J_COLOR_SPACE stored = JCS_YCbCr;    ///< JCS_YCCK or JCS_CMYK for four channels
  int quality = 90;
  bool progressive = false;
  int coefficients_alone = 0;  ///< progressive: so many scans of one coefficient each, one channel only
};

/// (height, width, channels), 8 bits each.
inline std::string jpeg_of(const std::vector<std::uint8_t>& pixels, int height, int width,
                           const JpegStyle& style = {}) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &data, &size);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.in_color_space = style.pixels;
  jpeg.input_components = style.pixels == JCS_GRAYSCALE ? 1 : style.pixels == JCS_CMYK ? 4 : 3;
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, style.pixels == JCS_GRAYSCALE ? JCS_GRAYSCALE : style.stored);
  jpeg_set_quality(&jpeg, style.quality, TRUE);
  if (style.progressive) jpeg_simple_progression(&jpeg);
  std::vector<jpeg_scan_info> scans;
  if (style.coefficients_alone > 0) {
    scans.push_back({1, {0}, 0, 0, 0, 0});
    for (int k = 1; k <= style.coefficients_alone; ++k) scans.push_back({1, {0}, k, k, 0, 0});
    jpeg.scan_info = scans.data();
    jpeg.num_scans = static_cast<int>(scans.size());
  }
  jpeg_start_compress(&jpeg, TRUE);
  const auto stride = static_cast<std::size_t>(width) * static_cast<std::size_t>(jpeg.input_components);
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* line = const_cast<JSAMPLE*>(pixels.data() + jpeg.next_scanline * stride);
    jpeg_write_scanlines(&jpeg, &line, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string bytes(reinterpret_cast<const char*>(data), size);
  std::free(data);
  return bytes;
}

}  // namespace aeon
