#include <gmock/gmock.h>

#include <cmath>

#include "aeon/extract/extractor.h"
#include "aeon/extract/resize.h"
#include "base/random.h"

namespace aeon {
namespace {

std::vector<std::uint8_t> noise(std::size_t count, std::uint64_t seed = 1) {
  base::Random random(seed, 0);
  std::vector<std::uint8_t> bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
  return bytes;
}

// The same formula pixel by pixel, from the description of aeon's LINEAR.
std::uint8_t resized_pixel(const PixelView& src, int height, int width, int y, int x, int c) {
  const auto pixel = [&](int row, int column) {
    return static_cast<int>(
        src.data[static_cast<std::size_t>(row) * src.stride + static_cast<std::size_t>(column * src.channels + c)]);
  };
  const auto fx = static_cast<float>((x + 0.5) * (static_cast<double>(src.width) / width) - 0.5);
  const auto fy = static_cast<float>((y + 0.5) * (static_cast<double>(src.height) / height) - 0.5);
  int sx = static_cast<int>(std::floor(fx));
  const int sy = static_cast<int>(std::floor(fy));
  float wx = fx - static_cast<float>(sx);
  const float wy = fy - static_cast<float>(sy);
  if (sx < 0) sx = 0, wx = 0;
  if (sx >= src.width - 1) sx = src.width - 1, wx = 0;
  const int a0 = static_cast<int>(std::lrint((1 - wx) * 2048)), a1 = static_cast<int>(std::lrint(wx * 2048));
  const int b0 = static_cast<int>(std::lrint((1 - wy) * 2048)), b1 = static_cast<int>(std::lrint(wy * 2048));
  const auto line = [&](int row) {
    row = std::min(std::max(row, 0), src.height - 1);
    return a0 * pixel(row, sx) + a1 * pixel(row, std::min(sx + 1, src.width - 1));
  };
  return static_cast<std::uint8_t>((((b0 * (line(sy) >> 4)) >> 16) + ((b1 * (line(sy + 1) >> 4)) >> 16) + 2) >> 2);
}

TEST(Resize, IsBitExact) {
  Scratch scratch;
  for (const auto& [h, w, to_h, to_w] :
       {std::array{5, 7, 11, 3}, std::array{1, 1, 4, 4}, std::array{9, 9, 9, 9}, std::array{40, 30, 8, 28},
        std::array{2, 50, 3, 25}, std::array{16, 16, 8, 8}, std::array{3, 3, 40, 41}})
    for (const int channels : {1, 3}) {
      const auto pixels = noise(static_cast<std::size_t>(h * w * channels + 13 * h));
      const PixelView src{pixels.data(), h, w, channels, static_cast<std::size_t>(w * channels + 13)};
      std::vector<std::uint8_t> dst(static_cast<std::size_t>(to_h * to_w * channels));
      resize_linear(src, to_h, to_w, dst.data(), scratch);
      std::size_t i = 0;
      for (int y = 0; y < to_h; ++y)
        for (int x = 0; x < to_w; ++x)
          for (int c = 0; c < channels; ++c, ++i)
            ASSERT_EQ(dst[i], resized_pixel(src, to_h, to_w, y, x, c)) << h << ' ' << w << " at " << y << ' ' << x;
    }
}

TEST(Resize, HalvingIsTheMeanOfFour) {
  Scratch scratch;
  const std::vector<std::uint8_t> pixels{0, 10, 20, 31, 255, 255, 254, 255};
  std::vector<std::uint8_t> dst(2);
  resize_linear({pixels.data(), 2, 4, 1, 4}, 1, 2, dst.data(), scratch);
  EXPECT_EQ(dst, (std::vector<std::uint8_t>{130, 140}));
}

// The image extractor on an image whose pixel at (row, column) is (b = column, g = row, r = 0): aeon's index image.
class IndexImage : public ::testing::Test {
 protected:
  static constexpr int kSize = 64;
  IndexImage() : pixels_(static_cast<std::size_t>(kSize * kSize * 3)) {
    for (int y = 0; y < kSize; ++y)
      for (int x = 0; x < kSize; ++x) {
        pixels_[static_cast<std::size_t>((y * kSize + x) * 3)] = static_cast<std::uint8_t>(x);
        pixels_[static_cast<std::size_t>((y * kSize + x) * 3 + 1)] = static_cast<std::uint8_t>(y);
      }
  }

  std::vector<float> write(std::string_view image, std::string_view augmentation, const Draw& draw = {}) {
    const auto config = base::decode<LoaderConfig>(base::parse_json(
        fmt::format(R"({{"etl": [{{"type": "image", {}}}], "augmentation": [{{"type": "image", {}}}]}})", image,
                    augmentation),
        "config"));
    const Extraction extraction(config);
    std::vector<float> sample(static_cast<std::size_t>(tensor::element_count(extraction.inputs[0].shape)));
    Scratch scratch;
    std::byte* const destination = reinterpret_cast<std::byte*>(sample.data());
    extraction.columns[0].extractor->write({tensor::Dtype::u8, {kSize, kSize, 3}, pixels_.data()}, draw, scratch,
                                           std::span(&destination, 1));
    return sample;
  }

  std::vector<std::uint8_t> pixels_;
};

TEST_F(IndexImage, WholeInEveryLayout) {
  const std::string size = R"("height": 64, "width": 64)";
  const auto planes = write(size, R"("center": true)");
  const auto rgb = write(size + R"(, "bgr_to_rgb": true)", R"("center": true)");
  const auto interleaved = write(size + R"(, "channel_major": false)", R"("center": true)");
  constexpr std::size_t kPlane = 64 * 64;
  for (const std::size_t y : {0, 5, 63})
    for (const std::size_t x : {0, 9, 63}) {
      const std::size_t at = y * 64 + x;
      EXPECT_EQ(planes[at], static_cast<float>(x));
      EXPECT_EQ(planes[kPlane + at], static_cast<float>(y));
      EXPECT_EQ(rgb[at], 0);
      EXPECT_EQ(rgb[kPlane + at], static_cast<float>(y));
      EXPECT_EQ(rgb[2 * kPlane + at], static_cast<float>(x));
      EXPECT_EQ(interleaved[at * 3], static_cast<float>(x));
      EXPECT_EQ(interleaved[at * 3 + 1], static_cast<float>(y));
    }
}

TEST_F(IndexImage, CutsTheMiddle) {
  const auto sample = write(R"("height": 32, "width": 32)", R"("scale": [0.5, 0.5])");
  EXPECT_EQ(sample[0], 16);  // b of the first pixel: its column
  EXPECT_EQ(sample[31], 47);
  EXPECT_EQ(sample[32 * 32], 16);  // g: its row
  EXPECT_EQ(sample[2 * 32 * 32 - 1], 47);
}

TEST_F(IndexImage, MirrorsAndPads) {
  bool saw_mirrored = false, saw_plain = false, saw_border = false;
  for (std::int64_t record = 0; record < 40; ++record) {
    const auto sample = write(R"("height": 64, "width": 64)",
                              R"("flip_enable": true, "crop_enable": false, "padding": 4)", Draw(1, 0, record));
    // In the middle row, where the border cannot be, columns count up or down, and zeros stand outside.
    const float* row = &sample[32 * 64];
    const float step = row[33] - row[32];
    ASSERT_EQ(std::abs(step), 1);
    saw_mirrored |= step < 0;
    saw_plain |= step > 0;
    saw_border |= row[0] == 0 && row[1] == 0;
    for (int x = 5; x < 59; ++x) ASSERT_EQ(row[x + 1] - row[x], step);
    const float* rows = &sample[64 * 64];
    const float shift = rows[32 * 64 + 32] - 32;
    EXPECT_LE(std::abs(shift), 4);
    if (shift < 0) {
      EXPECT_EQ(rows[32], 0);
    }
  }
  EXPECT_TRUE(saw_mirrored && saw_plain && saw_border);
}

TEST_F(IndexImage, StandardisesInTheOrderOfTheOutput) {
  const auto sample =
      write(R"("height": 64, "width": 64, "bgr_to_rgb": true)", R"("mean": [0.5, 0.25, 0.125], "stddev": [2, 0.5, 0])");
  constexpr std::size_t kPlane = 64 * 64, kAt = 10 * 64 + 20;
  EXPECT_EQ(sample[kAt], static_cast<float>(-0.5 / 2));
  EXPECT_EQ(sample[kPlane + kAt], static_cast<float>((10 / 255.0 - 0.25) / 0.5));
  EXPECT_EQ(sample[2 * kPlane + kAt], static_cast<float>(20 / 255.0 - 0.125));
}

}  // namespace
}  // namespace aeon
