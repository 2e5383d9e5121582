#include "aeon/extract/image_decoder.h"

#include <fmt/format.h>

#include "base/error.h"
#include "records/image_formats.h"

namespace aeon {

using base::Code;
using base::Error;

void check_image_size(std::int64_t width, std::int64_t height) {
  if (width < 1 || height < 1)
    throw Error(Code::invalid_argument, fmt::format("it is {} wide and {} high", width, height));
  if (width > kMaxImageSide || height > kMaxImageSide || width * height > kMaxImagePixels)
    throw Error(Code::invalid_argument,
                fmt::format("it is {} wide and {} high; the limits are {} a side and {} million pixels", width, height,
                            kMaxImageSide, kMaxImagePixels / 1'000'000));
}

std::map<std::string_view, ImageDecoder>& ImageDecoder::all() {
  static std::map<std::string_view, ImageDecoder> decoders;
  return decoders;
}

void write_rgb(const std::uint8_t* rgb, std::size_t count, int from_channels, int channels, std::uint8_t* to) {
  for (std::size_t i = 0; i < count; ++i, rgb += from_channels, to += channels) {
    if (channels == 3)
      to[0] = rgb[2], to[1] = rgb[1], to[2] = rgb[0];
    else
      to[0] = static_cast<std::uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 32768) >> 16);
  }
}

namespace {

/// Calls `decode` with the decoder of the format that bytes begin as.
template <class Decode>
void with_decoder(std::string_view bytes, Decode decode) {
  if (bytes.empty()) throw Error(Code::invalid_argument, "an image of 0 bytes");
  const records::ImageFormat* format = records::image_format_of(bytes);
  if (format == nullptr) throw Error(Code::invalid_argument, records::not_an_image());
  try {
    decode(ImageDecoder::all().at(format->name));
  } catch (Error& error) {
    if (error.code == Code::invalid_argument)
      error.message = fmt::format("not a valid {}: {}", format->name, error.message);
    throw;
  }
}

}  // namespace

void decode_image(std::string_view bytes, int channels, Decoded& decoded) {
  with_decoder(bytes, [&](const ImageDecoder& decoder) { decoder.decode(bytes, channels, decoded); });
}

void decode_numbers(std::string_view bytes, Decoded& decoded) {
  const ImageDecoder* lossy = nullptr;
  with_decoder(bytes, [&](const ImageDecoder& decoder) {
    decoder.decode_numbers == nullptr ? static_cast<void>(lossy = &decoder) : decoder.decode_numbers(bytes, decoded);
  });
  if (lossy != nullptr)
    throw Error(Code::invalid_argument,
                fmt::format("a {} does not keep the numbers of a mask as they were; write it as PNG", lossy->format));
}

}  // namespace aeon
