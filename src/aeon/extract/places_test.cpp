// What lies over an image and follows where its pixels go: masks and boxes.
#include <gmock/gmock.h>

#include "aeon/extract/extract_for_test.h"
#include "aeon/extract/image_decoder.h"
#include "aeon/jpeg/write_for_test.h"
#include "aeon/png/write_for_test.h"

namespace aeon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

/// A PNG of 6 × 4 with a number of its own in each place: 10 y + x.
std::string numbered() {
  std::vector<std::uint8_t> pixels;
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 6; ++x) pixels.push_back(static_cast<std::uint8_t>(10 * y + x));
  return png_of(pixels, 4, 6, 1);
}

TEST(PixelMask, IsAsItIs) {
  Extracted mask(R"({"type": "pixelmask", "height": 4, "width": 6})");
  EXPECT_EQ(mask.tensors()[0].column.shape, (tensor::Shape{1, 4, 6}));
  EXPECT_EQ(mask.tensors()[0].column.dtype, tensor::Dtype::i32);
  EXPECT_EQ(mask.read(numbered()).numbers<std::int32_t>(),
            (Ids{0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25, 30, 31, 32, 33, 34, 35}));
  const std::vector<std::uint16_t> large{0, 300, 65535, 7};
  EXPECT_EQ(Extracted(R"({"type": "pixelmask", "height": 2, "width": 2})")
                .read(png16_of(large, 2, 2))
                .numbers<std::int32_t>(),
            (Ids{0, 300, 65535, 7}));
  EXPECT_THAT(
      refusal(R"({"type": "pixelmask", "height": 2, "width": 2, "output_type": "uint8_t"})", png16_of(large, 2, 2)),
      HasSubstr("has the number 300"));
}

TEST(PixelMask, TakesTheNearestPixelAndMixesNone) {
  Extracted smaller(R"({"type": "pixelmask", "height": 2, "width": 3})");
  EXPECT_EQ(smaller.read(numbered()).numbers<std::int32_t>(), (Ids{0, 2, 4, 20, 22, 24}));
  Extracted larger(R"({"type": "pixelmask", "height": 8, "width": 12, "output_type": "uint8_t"})");
  const auto numbers = larger.read(numbered()).numbers<std::uint8_t>();
  for (std::size_t y = 0; y < 8; ++y)
    for (std::size_t x = 0; x < 12; ++x) EXPECT_EQ(numbers[y * 12 + x], 10 * (y / 2) + x / 2);
}

TEST(PixelMask, SaysWhichPixelsDoNotCount) {
  Extracted mask(R"({"type": "pixelmask", "height": 1, "width": 4, "ignore": 255})");
  mask.read(png_of({1, 255, 0, 2}, 1, 4, 1));
  EXPECT_EQ(mask.tensors()[1].column.name, "pixelmask_mask");
  EXPECT_THAT(mask.numbers<std::int32_t>(0), ElementsAre(1, 0, 0, 2));
  EXPECT_THAT(mask.numbers<float>(1), ElementsAre(1, 0, 1, 1));
}

TEST(PixelMask, IsNoJpeg) {
  EXPECT_THAT(
      refusal(R"({"type": "pixelmask", "height": 8, "width": 8})", jpeg_of(std::vector<std::uint8_t>(192), 8, 8)),
      HasSubstr("a JPEG does not keep the numbers of a mask as they were; write it as PNG"));
  EXPECT_THAT(refusal(R"({"type": "pixelmask", "height": 8, "width": 8})", "nothing"), HasSubstr("not an image"));
  EXPECT_THAT(refusal(R"({"type": "pixelmask", "height": 4, "width": 6})", numbered().substr(0, 60)),
              HasSubstr("not a valid PNG"));
}

/// An image, its mask and its boxes, as one record.
struct Beside {
  explicit Beside(const std::string& augmentation) {
    const std::string text = fmt::format(
        R"({{"etl": [{{"type": "image", "height": 8, "width": 8, "channels": 1}},
                     {{"type": "pixelmask", "height": 8, "width": 8}},
                     {{"type": "boundingbox", "height": 8, "width": 8, "max_bbox_count": 3, "class_names": ["dot"],
                       "emit_count": true}}],
            "augmentation": [{{"type": "image", {}}}]}})",
        augmentation);
    extraction = std::make_unique<Extraction>(base::decode<LoaderConfig>(base::parse_json(text, "config"), ""));
  }
  void read(std::span<const std::string> elements, const Draw& draw) {
    image.assign(64, 0), mask.assign(64, 0), boxes.assign(12, 0);
    std::byte* to[4] = {reinterpret_cast<std::byte*>(image.data()), reinterpret_cast<std::byte*>(mask.data()),
                        reinterpret_cast<std::byte*>(boxes.data()), reinterpret_cast<std::byte*>(&count)};
    for (std::size_t i = 0; i < 3; ++i) {
      Decoded decoded;
      const Extractor& extractor = *extraction->columns[i].extractor;
      extractor.decode(elements[i], scratch, decoded);
      extractor.write(decoded.view(), draw, scratch, std::span(to).subspan(i, i < 2 ? 1 : 2));
    }
  }
  std::unique_ptr<Extraction> extraction;
  Scratch scratch;
  std::vector<float> image, boxes;
  Ids mask;
  std::int32_t count = 0;
};

// The image is its own mask, so both must be cut and mirrored alike; and where the mask has the object's number the box
// must be.
TEST(Places, FollowTheImage) {
  for (const char* augmentation :
       {R"("flip_enable": true)", R"("scale": [0.5, 1], "center": false, "flip_enable": true)",
        R"("crop_enable": false, "padding": 3, "flip_enable": true)",
        R"("scale": [0.5, 0.5], "mean": [0.1], "stddev": [2])"}) {
    Beside beside(augmentation);
    const bool standard = std::string_view(augmentation).find("mean") != std::string_view::npos;
    int cut = 0;
    for (std::int64_t record = 0; record < 60; ++record) {
      const auto left = static_cast<std::size_t>(record % 4), top = static_cast<std::size_t>(record / 4 % 4);
      std::vector<std::uint8_t> pixels(64);
      for (std::size_t y = top; y < top + 3; ++y)
        for (std::size_t x = left; x < left + 4; ++x) pixels[8 * y + x] = 200;
      const std::string elements[] = {
          png_of(pixels, 8, 8, 1), png_of(pixels, 8, 8, 1),
          fmt::format(R"({{"size": {{"width": 8, "height": 8, "depth": 1}}, "object": [{{"name": "dot",
              "bndbox": {{"xmin": {}, "ymin": {}, "xmax": {}, "ymax": {}}}}}]}})",
                      left, top, left + 3, top + 2)};
      beside.read(elements, Draw(3, 0, record));
      std::size_t x0 = 8, y0 = 8, x1 = 0, y1 = 0, full = 0;
      for (std::size_t i = 0; i < 64; ++i) {
        if (beside.mask[i] == 0) continue;
        ASSERT_EQ(beside.mask[i], 200);
        ++full;
        x0 = std::min(x0, i % 8), x1 = std::max(x1, i % 8), y0 = std::min(y0, i / 8), y1 = std::max(y1, i / 8);
        if (!standard) EXPECT_GT(beside.image[i], 20) << i;  // resized images are mixed at the edges
      }
      if (full == 0) {
        EXPECT_EQ(beside.count, 0);
        ++cut;
        continue;
      }
      ASSERT_EQ(beside.count, 1);
      EXPECT_NEAR(beside.boxes[0], static_cast<float>(x0), 1.01);
      EXPECT_NEAR(beside.boxes[1], static_cast<float>(y0), 1.01);
      EXPECT_NEAR(beside.boxes[2], static_cast<float>(x1), 1.01);
      EXPECT_NEAR(beside.boxes[3], static_cast<float>(y1), 1.01);
    }
    EXPECT_LT(cut, 40);
  }
}

const char* const kTwoBoxes = R"({"filename": "a.png", "size": {"width": 100, "height": 50, "depth": 3}, "object": [
    {"name": "cat", "bndbox": {"xmin": 10, "ymin": 5, "xmax": 29, "ymax": 24}, "difficult": false, "pose": "left"},
    {"name": "dog", "bndbox": {"xmin": 50.5, "ymin": 0, "xmax": 99, "ymax": 49}}]})";

TEST(BoundingBox, GivesEdgesInThePixelsOfTheOutput) {
  Extracted boxes(
      R"({"type": "boundingbox", "height": 100, "width": 200, "max_bbox_count": 3, "class_names": ["dog", "cat"],
                      "emit_classes": true, "emit_count": true})");
  EXPECT_EQ(boxes.tensors()[0].column.shape, (tensor::Shape{3, 4}));
  boxes.read(kTwoBoxes);
  EXPECT_THAT(boxes.numbers<float>(), ElementsAre(20, 10, 59, 49, 101, 0, 199, 99, 0, 0, 0, 0));
  EXPECT_THAT(boxes.numbers<std::int32_t>(1), ElementsAre(1, 0, 0));
  EXPECT_THAT(boxes.numbers<std::int32_t>(2), ElementsAre(2));
  Extracted one(
      R"({"type": "boundingbox", "height": 50, "width": 50, "max_bbox_count": 1, "class_names": ["dog", "cat"]})");
  // Cut to the middle 50 × 50, x from 25 on: of the first box the last five columns are left.
  EXPECT_THAT(one.read(kTwoBoxes).numbers<float>(), ElementsAre(0, 5, 4, 24));
}

TEST(Places, AreOfTheImagesSize) {
  Beside beside(R"("flip_enable": true)");
  const std::vector<std::uint8_t> pixels(64);
  const auto refusal_of = [&](const std::string& mask, int width) -> std::string {
    std::vector<Decoded> decoded(3);
    const std::string elements[] = {
        png_of(pixels, 8, 8, 1), mask,
        fmt::format(R"({{"size": {{"width": {}, "height": 8, "depth": 1}}, "object": []}})", width)};
    std::vector<DecodedView> views;
    for (std::size_t i = 0; i < 3; ++i) {
      beside.extraction->columns[i].extractor->decode(elements[i], beside.scratch, decoded[i]);
      views.push_back(decoded[i].view());
    }
    try {
      check_image_sizes(beside.extraction->columns, views);
    } catch (const base::Error& error) {
      return error.message;
    }
    return "no error";
  };
  EXPECT_EQ(refusal_of(png_of(pixels, 8, 8, 1), 8), "no error");
  EXPECT_EQ(refusal_of(png_of(pixels, 4, 16, 1), 8),
            "pixelmask is of an image 16 wide and 4 high, but the image beside it is 8 wide and 8 high");
  EXPECT_THAT(refusal_of(png_of(pixels, 8, 8, 1), 9), HasSubstr("boundingbox is of an image 9 wide and 8 high"));
}

TEST(BoundingBox, SaysWhatIsWrong) {
  const char* entry =
      R"({"type": "boundingbox", "height": 50, "width": 50, "max_bbox_count": 1, "class_names": ["dog"]})";
  EXPECT_THAT(refusal(entry, kTwoBoxes), HasSubstr("label 'cat' of object 0 is none of class_names"));
  EXPECT_THAT(refusal(entry, R"({"object": []})"), HasSubstr("'size' missing from the annotation"));
  EXPECT_THAT(refusal(entry, R"({"size": {"width": 5, "height": 5}, "object": []})"),
              HasSubstr("'depth' missing from size"));
  EXPECT_THAT(refusal(entry, R"({"size": {"width": 5, "height": 0, "depth": 1}, "object": []})"),
              HasSubstr("an image of 5 by 0"));
  EXPECT_THAT(refusal(entry, R"({"size": {"width": 5, "height": 5, "depth": 1}, "object": [{"name": "dog"}]})"),
              HasSubstr("'bndbox' missing from object 0"));
  EXPECT_THAT(refusal(entry, R"({"size": {"width": 5, "height": 5, "depth": 1}, "object": [{"name": "dog",
      "bndbox": {"xmin": 4, "ymin": 0, "xmax": 1, "ymax": 2}}]})"),
              HasSubstr("ends before it begins: x from 4 to 1"));
  EXPECT_THAT(refusal(entry, "{"), HasSubstr("annotation"));
  EXPECT_THAT(
      refusal(R"({"type": "boundingbox", "height": 5, "width": 5, "max_bbox_count": 1, "class_names": ["a", "a"]})"),
      AllOf(HasSubstr("/class_names"), HasSubstr("'a'")));
}

}  // namespace
}  // namespace aeon
