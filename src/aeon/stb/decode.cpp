// The only place with stb_image: BMP, and the first frame of a GIF.
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "aeon/extract/image_decoder.h"
#include "base/error.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace aeon {
namespace {

using base::Code;
using base::Error;

// stb_image takes what is there and leaves the rest black.
void refuse_cut(std::string_view bytes, int width, int height) {
  const auto cut = [] { throw Error(Code::invalid_argument, "the file is cut off"); };
  if (bytes.starts_with("GIF8")) {
    while (bytes.ends_with('\0')) bytes.remove_suffix(1);
    if (!bytes.ends_with(';')) cut();
    return;
  }
  const auto number = [&](std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i)
      value |= std::uint64_t{static_cast<std::uint8_t>(bytes[at + i])} << (8 * i);
    return value;
  };
  const std::uint64_t offset = number(10, 4), bits = number(14, 4) == 12 ? number(24, 2) : number(28, 2);
  const std::uint64_t line = (static_cast<std::uint64_t>(width) * bits + 31) / 32 * 4;
  if (bytes.size() < offset + line * static_cast<std::uint64_t>(height)) cut();
}

struct Free {
  void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

void decode(std::string_view bytes, int channels, Decoded& decoded) {
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 30));
  int width = 0, height = 0, has = 0;
  const auto refuse = [] { throw Error(Code::invalid_argument, stbi_failure_reason()); };
  if (stbi_info_from_memory(data, size, &width, &height, &has) == 0) refuse();
  check_image_size(width, height);
  refuse_cut(bytes, width, height);
  const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  // Its own pixels, and for a GIF the frame before and a mark for each.
  decoded.allot(tensor::Dtype::u8, {height, width, channels}, static_cast<std::int64_t>(13 * pixels));
  const std::unique_ptr<stbi_uc, Free> colour(stbi_load_from_memory(data, size, &width, &height, &has, 3));
  if (colour == nullptr) refuse();
  write_rgb(colour.get(), pixels, 3, channels, decoded.bytes.data());
}

const ImageDecoderOnShelf bmp({"BMP", decode}), gif({"GIF", decode});

}  // namespace
}  // namespace aeon
