#include "aeon/extract/image_decoder.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "aeon/jpeg/write_for_test.h"
#include "aeon/png/write_for_test.h"
#include "base/error.h"

namespace aeon {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::uint8_t> ramp(std::size_t count) {
  std::vector<std::uint8_t> pixels(count);
  for (std::size_t i = 0; i < count; ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
  return pixels;
}

std::string error_of(std::string_view bytes, int channels = 1) {
  Decoded decoded;
  try {
    decode_image(bytes, channels, decoded);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::invalid_argument);
    return error.message;
  }
  return "no error";
}

TEST(ImageDecoder, PngPixelsAreExact) {
  const auto gray = ramp(5 * 7), color = ramp(5 * 7 * 3);
  Decoded decoded;
  decode_image(png_of(gray, 5, 7, 1), 1, decoded);
  EXPECT_EQ(decoded.height, 5);
  EXPECT_EQ(decoded.width, 7);
  EXPECT_EQ(decoded.bytes, gray);
  decode_image(png_of(color, 5, 7, 3), 3, decoded);
  EXPECT_EQ(decoded.bytes, color);
}

TEST(ImageDecoder, PngChannelsAreConverted) {
  Decoded decoded;
  decode_image(png_of({10, 200}, 1, 2, 1), 3, decoded);
  EXPECT_EQ(decoded.bytes, (std::vector<std::uint8_t>{10, 10, 10, 200, 200, 200}));
  decode_image(png_of({255, 0, 0, 0, 255, 0, 0, 0, 255}, 1, 3, 3), 1, decoded);  // blue, green, red
  EXPECT_NEAR(decoded.bytes[0], 0.114 * 255, 1);
  EXPECT_NEAR(decoded.bytes[1], 0.587 * 255, 1);
  EXPECT_NEAR(decoded.bytes[2], 0.299 * 255, 1);
  decode_image(png_of({1, 2, 3, 9, 4, 5, 6, 255}, 1, 2, 4), 3, decoded);
  EXPECT_EQ(decoded.bytes, (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}));
}

TEST(ImageDecoder, JpegIsCloseToTheOriginal) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(32 * 48 * 3));
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<std::uint8_t>(40 + i / 3 % 48 * 3 + i % 3 * 20);
  Decoded decoded;
  decode_image(jpeg_of(pixels, 32, 48), 3, decoded);
  ASSERT_EQ(decoded.bytes.size(), pixels.size());
  EXPECT_EQ(decoded.width, 48);
  for (std::size_t i = 0; i < pixels.size(); ++i) ASSERT_LE(std::abs(decoded.bytes[i] - pixels[i]), 12) << i;
  decode_image(jpeg_of(pixels, 32, 48), 1, decoded);
  EXPECT_EQ(decoded.bytes.size(), pixels.size() / 3);
}

TEST(ImageDecoder, TruncationAnywhereIsAnError) {
  for (const std::string& file :
       {png_of(ramp(9 * 9), 9, 9, 1), jpeg_of(ramp(static_cast<std::size_t>(16 * 16 * 3)), 16, 16)})
    for (std::size_t size = 0; size < file.size(); ++size) {
      const std::string cut = file.substr(0, size);  // a copy, so that tools see reads past the end
      EXPECT_THAT(error_of(cut), AnyOf(StartsWith("not a valid "), StartsWith("an image of 0 bytes"))) << size;
    }
}

TEST(ImageDecoder, ADamagedPngSaysSo) {
  const std::string file = png_of(ramp(9 * 9), 9, 9, 1);
  std::string changed = file;
  changed[file.find("IDAT") + 8] ^= 0x10;
  EXPECT_THAT(error_of(changed), StartsWith("not a valid PNG: IDAT: "));
  for (std::size_t at = 8; at < file.size();
       ++at)  // whatever byte changes: an error, or a chunk that says nothing was it
    for (const int bit : {0x01, 0x80}) {
      changed = file;
      changed[at] = static_cast<char>(changed[at] ^ bit);
      error_of(changed);
    }
}

TEST(ImageDecoder, ADamagedJpegNeverCrashes) {
  const std::string file = jpeg_of(ramp(static_cast<std::size_t>(16 * 16 * 3)), 16, 16);
  for (std::size_t at = 3; at < file.size(); ++at)
    for (const int value : {0x00, 0xFF, 0x55}) {
      std::string changed = file;
      changed[at] = static_cast<char>(value);
      error_of(changed, 3);
    }
}

TEST(ImageDecoder, OtherFilesAreNamedAsSuch) {
  EXPECT_EQ(error_of("hello"), "not an image: neither PNG nor JPEG");
  EXPECT_EQ(error_of(""), "an image of 0 bytes");
}

TEST(ImageDecoder, AbsurdSizesAreRefusedBeforeMemoryIsTaken) {
  std::string file = png_of(ramp(9), 3, 3, 1);
  file.replace(16, 8, std::string("\0\0\xC3\x50\0\0\xC3\x50", 8));  // its extents
  file.replace(29, 4, "\x6E\xC4\x62\x16");                          // their checksum
  EXPECT_THAT(
      error_of(file),
      HasSubstr("not a valid PNG: it is 50000 wide and 50000 high; the limits are 65535 a side and 64 million pixels"));
  EXPECT_THROW(check_image_size(50000, 50000), base::Error);
  EXPECT_THROW(check_image_size(65536, 1), base::Error);
  EXPECT_THROW(check_image_size(0, 1), base::Error);
  EXPECT_NO_THROW(check_image_size(8000, 8000));
}

}  // namespace
}  // namespace aeon
