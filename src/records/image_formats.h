#pragma once
#include <array>
#include <string>
#include <string_view>

namespace records {

/// An image format that can be read.
struct ImageFormat {
  std::string_view name;
  std::string_view magic;  ///< what its files begin with; '?' is any byte

  /// Whether `bytes` begin as its files do, as far as there are any.
  constexpr bool may_be(std::string_view bytes) const {
    for (std::size_t i = 0; i < magic.size() && i < bytes.size(); ++i)
      if (magic[i] != '?' && magic[i] != bytes[i]) return false;
    return true;
  }
};

inline constexpr std::array kImageFormats{ImageFormat{"PNG", {"\x89PNG\r\n\x1A\n", 8}},
                                          ImageFormat{"JPEG", {"\xFF\xD8\xFF", 3}},
                                          ImageFormat{"WebP", {"RIFF????WEBP", 12}},
                                          ImageFormat{"GIF", {"GIF8", 4}},
                                          ImageFormat{"BMP", {"BM", 2}},
                                          ImageFormat{"TIFF", {"II*\0", 4}},
                                          ImageFormat{"TIFF", {"MM\0*", 4}}};

/// The format that `bytes` begin as; nullptr for none of them. A file cut off within its first bytes is of the format
/// that it began.
const ImageFormat* image_format_of(std::string_view bytes);

/// What is said of bytes that are none of them.
std::string not_an_image();

}  // namespace records
