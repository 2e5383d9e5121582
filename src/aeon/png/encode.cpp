#include <png.h>

#include "aeon/extract/image_decoder.h"
#include "base/error.h"

namespace aeon {

std::string png_of(const DecodedView& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.shape[1]);
  image.height = static_cast<png_uint_32>(picture.shape[0]);
  image.format = picture.shape[2] == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_BGR;
  png_alloc_size_t size = 0;
  std::string bytes;
  bool done = png_image_write_to_memory(&image, nullptr, &size, 0, picture.bytes, 0, nullptr) != 0;
  bytes.resize(size);
  done = done && png_image_write_to_memory(&image, bytes.data(), &size, 0, picture.bytes, 0, nullptr) != 0;
  if (!done) throw base::Error(base::Code::internal, std::string("a PNG could not be made: ") + image.message);
  bytes.resize(size);
  return bytes;
}

}  // namespace aeon
