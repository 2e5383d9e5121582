// The only place with libwebp.
#include <webp/decode.h>

#include <vector>

#include "aeon/extract/image_decoder.h"
#include "base/error.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

void decode(std::string_view bytes, int channels, Decoded& decoded) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(data, bytes.size(), &features);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) throw Error(Code::invalid_argument, "the file is cut off");
  if (status != VP8_STATUS_OK) throw Error(Code::invalid_argument, "its header is damaged");
  if (features.has_animation != 0)
    throw Error(Code::invalid_argument, "it is an animation; write the picture that is meant as a file of its own");
  check_image_size(features.width, features.height);
  const auto pixels = static_cast<std::size_t>(features.width) * static_cast<std::size_t>(features.height);
  // libwebp keeps four bytes a pixel of a lossless picture, and a gray one is made of a colour one here.
  decoded.allot(tensor::Dtype::u8, {features.height, features.width, channels}, static_cast<std::int64_t>(7 * pixels));
  std::vector<std::uint8_t> colour(channels == 3 ? 0 : 3 * pixels);
  std::uint8_t* to = channels == 3 ? decoded.bytes.data() : colour.data();
  const auto decode_into = channels == 3 ? WebPDecodeBGRInto : WebPDecodeRGBInto;
  if (decode_into(data, bytes.size(), to, 3 * pixels, 3 * features.width) == nullptr)
    throw Error(Code::invalid_argument, "its pixels are damaged or cut off");
  if (channels == 1) write_rgb(colour.data(), pixels, 3, 1, decoded.bytes.data());
}

const ImageDecoderOnShelf registered({"WebP", decode});

}  // namespace
}  // namespace aeon
