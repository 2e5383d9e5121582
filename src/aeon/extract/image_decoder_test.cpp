#include "aeon/extract/image_decoder.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "aeon/extract/pictures_for_test.h"
#include "aeon/jpeg/write_for_test.h"
#include "aeon/png/write_for_test.h"
#include "base/error.h"
#include "records/image_formats.h"

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
  EXPECT_EQ(decoded.shape[0], 5);
  EXPECT_EQ(decoded.shape[1], 7);
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
  for (const std::size_t height : {1, 16, 33})
    for (const std::size_t width : {1, 32, 43, 48, 682, 683, 704}) {
      std::vector<std::uint8_t> pixels(height * width * 3);
      for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels[i] = static_cast<std::uint8_t>(40 + i / 3 % width * 144 / width + i / (3 * width) + i % 3 * 20);
      const std::string file = jpeg_of(pixels, static_cast<int>(height), static_cast<int>(width));
      Decoded decoded;
      decode_image(file, 3, decoded);
      ASSERT_EQ(decoded.bytes.size(), pixels.size());
      EXPECT_EQ(decoded.shape[1], width);
      for (std::size_t i = 0; i < pixels.size(); ++i)
        ASSERT_LE(std::abs(decoded.bytes[i] - pixels[i]), 12) << height << " high, " << width << " wide, byte " << i;
      decode_image(file, 1, decoded);
      EXPECT_EQ(decoded.bytes.size(), pixels.size() / 3);
    }
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

// A decoder with a memory of its own would show one picture differently after another.
TEST(ImageDecoder, WhatWasDecodedBeforeChangesNothing) {
  const auto pixels = ramp(static_cast<std::size_t>(24 * 24 * 3));
  const std::string good = jpeg_of(pixels, 24, 24), progressive = jpeg_of(pixels, 24, 24, {.progressive = true});
  Decoded expected, decoded;
  decode_image(good, 3, expected);
  for (const std::string& file : {good, progressive})
    for (std::size_t at = 3; at < file.size(); ++at) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ 0xFF);
      error_of(damaged, 3);
      decode_image(good, 3, decoded);
      ASSERT_EQ(decoded.bytes, expected.bytes) << "after a picture with another byte " << at;
    }
}

TEST(ImageDecoder, AJpegBorrowsNoTables) {
  const std::string good = jpeg_of(ramp(static_cast<std::size_t>(16 * 16 * 3)), 16, 16);
  std::string bare = good;  // without its two quantization tables: "FFDB", length, table
  for (std::size_t at; (at = bare.find("\xFF\xDB")) != bare.npos;)
    bare.erase(at, 2 + static_cast<std::size_t>(static_cast<unsigned char>(bare[at + 2]) << 8 |
                                                static_cast<unsigned char>(bare[at + 3])));
  EXPECT_EQ(error_of(good, 3), "no error");
  EXPECT_THAT(error_of(bare, 3), HasSubstr("Quantization table 0x00 was not defined"));
}

TEST(ImageDecoder, JpegsOfInksLookLikeTheirTwinsOfLight) {
  // Four even pictures side by side, so that compression changes little: (b, g, r) each.
  const std::vector<std::array<int, 3>> colors{{30, 30, 220}, {140, 150, 20}, {0, 0, 0}, {255, 255, 255}};
  std::vector<std::uint8_t> light, inks;
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 64; ++x) {
      const auto& color = colors[static_cast<std::size_t>(x / 16)];
      const int black = std::max({color[0], color[1], color[2], 1});
      for (const int value : color) light.push_back(static_cast<std::uint8_t>(value));
      for (const int value : {color[2], color[1], color[0]})  // cyan, magenta, yellow, inverted
        inks.push_back(static_cast<std::uint8_t>(value * 255 / black));
      inks.push_back(static_cast<std::uint8_t>(black));
    }
  for (const int channels : {3, 1}) {
    Decoded twin, decoded;
    decode_image(jpeg_of(light, 16, 64, {.quality = 100}), channels, twin);
    for (const J_COLOR_SPACE stored : {JCS_CMYK, JCS_YCCK})
      for (const bool progressive : {false, true}) {
        decode_image(
            jpeg_of(inks, 16, 64, {.pixels = JCS_CMYK, .stored = stored, .quality = 100, .progressive = progressive}),
            channels, decoded);
        ASSERT_EQ(decoded.bytes.size(), twin.bytes.size());
        for (std::size_t i = 0; i < twin.bytes.size(); ++i) {
          const std::size_t x = i / static_cast<std::size_t>(channels) % 64;
          if (x % 16 < 4 || x % 16 > 11) continue;  // colours run into each other where they meet
          ASSERT_NEAR(decoded.bytes[i], twin.bytes[i], 3) << "channels " << channels << ", byte " << i;
        }
      }
  }
}

TEST(ImageDecoder, OfSixteenBitsTheUpperEightStay) {
  const std::vector<std::uint16_t> values{0x0000, 0x00FF, 0x0100, 0x7F80, 0x80FF, 0xFFFF};
  Decoded decoded;
  decode_image(png16_of(values, 1, 6), 1, decoded);
  EXPECT_EQ(decoded.bytes, (std::vector<std::uint8_t>{0, 0, 1, 0x7F, 0x80, 0xFF}));
  decode_image(png16_of({0x12FF, 0x3400}, 1, 2), 3, decoded);
  EXPECT_EQ(decoded.bytes, (std::vector<std::uint8_t>{0x12, 0x12, 0x12, 0x34, 0x34, 0x34}));
}

TEST(ImageDecoder, WhatTakesMoreMemoryThanThereIsIsRefusedWithTheNumbers) {
  const std::vector<std::uint8_t> pixels(std::size_t{1200} * 1200 * 3);
  SharedMemory memory(6 << 20);
  Decoded decoded;
  decoded.memory = &memory;
  decode_image(jpeg_of(pixels, 1200, 1200), 3, decoded);  // 4.3 MB of pixels
  try {
    decode_image(jpeg_of(pixels, 1200, 1200, {.progressive = true}), 3, decoded);  // and as much of coefficients
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::too_large);
    EXPECT_THAT(error.message, HasSubstr("decoding it takes 8.35 MiB of memory, and there are 6 MiB for that"));
  }
  decode_image(png_of(pixels, 1200, 1200, 3), 3, decoded);  // nothing is held by what failed
  decoded.settle();
  EXPECT_EQ(decoded.bytes.capacity(), 0u);
  memory.take(6 << 20).give_back();
}

TEST(ImageDecoder, AJpegThatIsMostlyScansIsRefused) {
  const std::vector<std::uint8_t> pixels(std::size_t{4400} * 4400, 77);
  const std::string file =
      jpeg_of(pixels, 4400, 4400, {.pixels = JCS_GRAYSCALE, .progressive = true, .coefficients_alone = 60});
  EXPECT_LT(file.size(), 1'000'000u);
  EXPECT_EQ(error_of(file),
            "not a valid JPEG: it is 4400 wide and 4400 high and has over 51 scans; 1000 million pixels "
            "are the limit in all scans");
}

std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::strtol(std::string(hex.substr(i, 2)).c_str(), nullptr, 16)));
  return bytes;
}

TEST(ImageDecoder, FurtherFormatsAreExactWhereTheyLoseNothing) {
  const std::vector<std::uint8_t> colours{0, 0, 255, 0, 255, 0, 255, 0, 0, 30, 20, 10, 50, 100, 200, 255, 255, 255};
  const std::vector<std::uint8_t> grays{76, 150, 29, 18, 124, 255};
  Decoded decoded;
  for (const std::string_view hex : {kWebpHex, kBmpHex, kGifHex, kGifTwoHex, kTiffLzwHex}) {
    decode_image(bytes_of(hex), 3, decoded);
    EXPECT_EQ(decoded.shape[0], 2);
    EXPECT_EQ(decoded.shape[1], 3);
    EXPECT_EQ(decoded.bytes, colours) << hex.substr(0, 8);
    decode_image(bytes_of(hex), 1, decoded);
    EXPECT_EQ(decoded.bytes, grays) << hex.substr(0, 8);
  }
  decode_image(bytes_of(kTiffGrayHex), 1, decoded);
  EXPECT_EQ(decoded.bytes, (std::vector<std::uint8_t>{0, 50, 100, 150, 200, 250}));
  EXPECT_THAT(error_of(bytes_of(kWebpTwoHex)), HasSubstr("not a valid WebP: it is an animation"));
}

TEST(ImageDecoder, FurtherFormatsCutOrChangedAtEachByteAreRefusedOrRead) {
  for (const std::string_view hex : {kWebpHex, kBmpHex, kGifHex, kTiffLzwHex}) {
    const std::string file = bytes_of(hex);
    for (std::size_t i = 0; i < file.size(); ++i) {
      std::string changed = file;
      changed[i] = static_cast<char>(changed[i] ^ 0x55);
      for (const std::string& bytes : {file.substr(0, i), changed}) {
        const std::string error = error_of(bytes, 3);  // of a changed one it may be none
        EXPECT_THAT(error,
                    AnyOf(HasSubstr("not a valid "), HasSubstr("not an image"), "no error", HasSubstr("0 bytes")));
        if (bytes.size() < file.size() && hex != kTiffLzwHex) EXPECT_NE(error, "no error") << i << " " << hex;
      }
    }
  }
}

TEST(ImageDecoder, EachFormatHasADecoder) {
  for (const records::ImageFormat& format : records::kImageFormats)
    EXPECT_TRUE(ImageDecoder::all().contains(format.name)) << format.name;
}

TEST(ImageDecoder, OtherFilesAreNamedAsSuch) {
  EXPECT_EQ(error_of("hello"), "not an image: neither PNG, JPEG, WebP, GIF, BMP nor TIFF");
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
