#include "aeon/extract/image_decoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

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

bool is_image(std::string_view bytes) {
  const auto& all = ImageDecoder::all();
  return std::any_of(all.begin(), all.end(), [&](const auto& named) { return bytes.starts_with(named.second.magic); });
}

namespace {

/// Calls `decode` with the decoder of the format that bytes begin as.
template <class Decode>
void with_decoder(std::string_view bytes, Decode decode) {
  if (bytes.empty()) throw Error(Code::invalid_argument, "an image of 0 bytes");
  for (const auto& [format, decoder] : ImageDecoder::all()) {
    // A file cut off within its first bytes is called by the format that it began.
    if (bytes.substr(0, decoder.magic.size()) != decoder.magic.substr(0, bytes.size())) continue;
    try {
      decode(decoder);
    } catch (Error& error) {
      if (error.code == Code::invalid_argument)
        error.message = fmt::format("not a valid {}: {}", format, error.message);
      throw;
    }
    return;
  }
  std::string names;
  for (const auto& [format, decoder] : ImageDecoder::all())
    names = names.empty() ? std::string(format) : fmt::format("{} nor {}", format, names);
  throw Error(Code::invalid_argument, fmt::format("not an image: neither {}", names));
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
