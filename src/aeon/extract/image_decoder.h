#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "aeon/extract/extractor.h"

namespace aeon {

/// Larger images are refused before any memory is taken for them.
inline constexpr std::int64_t kMaxImagePixels = 64'000'000;
inline constexpr std::int64_t kMaxImageSide = 65'535;

/// A progressive image may go over its pixels again and again; in all it may visit so many. Photos have about ten
/// scans.
inline constexpr std::int64_t kMaxScannedPixels = 1'000'000'000;

/// Errors: invalid_argument when an image of this size is refused.
void check_image_size(std::int64_t width, std::int64_t height);

/// How one of records::kImageFormats is read. Decoders register themselves from their seam folders.
struct ImageDecoder {
  std::string_view format;  ///< "PNG"

  /// Decodes into (height, width, channels) with 1 channel (gray) or 3 (b, g, r). What is decoded depends on `bytes`
  /// alone, never on what was decoded before. Errors: invalid_argument saying what is wrong, without the format's name;
  /// too_large when there is not enough memory for it (Decoded::allot).
  void (*decode)(std::string_view bytes, int channels, Decoded& decoded);

  /// Decodes into (height, width, 1) i32, the file's own numbers: of a picture with a palette the places in it, of one
  /// with several channels the first (blue). Null where a format does not keep numbers as they were.
  void (*decode_numbers)(std::string_view bytes, Decoded& decoded) = nullptr;

  static std::map<std::string_view, ImageDecoder>& all();
};

struct ImageDecoderOnShelf {
  explicit ImageDecoderOnShelf(const ImageDecoder& decoder) { ImageDecoder::all()[decoder.format] = decoder; }
};

/// `count` pixels that begin with red, green and blue, `from_channels` (3, or 4 with something that is dropped) bytes
/// each, as gray (0.299 r + 0.587 g + 0.114 b, as libjpeg weighs them) or b, g, r. For decoders.
void write_rgb(const std::uint8_t* rgb, std::size_t count, int from_channels, int channels, std::uint8_t* to);

/// Decodes an image of any known format, chosen by its first bytes. Errors: invalid_argument: "not a valid PNG: ...".
void decode_image(std::string_view bytes, int channels, Decoded& decoded);

/// The numbers of an image (ImageDecoder::decode_numbers). Errors: as decode_image; invalid_argument for a format that
/// does not keep them.
void decode_numbers(std::string_view bytes, Decoded& decoded);

/// A PNG of (height, width, channels) with 1 channel (gray) or 3 (b, g, r).
std::string png_of(const DecodedView& picture);

}  // namespace aeon
