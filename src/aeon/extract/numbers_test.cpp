// The types whose elements are numbers: label and blob.
#include <gmock/gmock.h>

#include <cstring>

#include "aeon/extract/extract_for_test.h"

namespace aeon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class... Numbers>
std::string bytes_of(Numbers... numbers) {
  std::string bytes;
  const auto append = [&](auto number) { bytes.append(reinterpret_cast<const char*>(&number), sizeof number); };
  (append(numbers), ...);
  return bytes;
}

TEST(Label, IsAnIndexOrSeveral) {
  Extracted one(R"({"type": "label"})");
  EXPECT_EQ(one.tensors()[0].column.shape, tensor::Shape());
  EXPECT_THAT(one.read("7").numbers<std::int32_t>(), ElementsAre(7));
  Extracted three(R"({"type": "label", "count": 3})");
  EXPECT_EQ(three.tensors()[0].column.shape, (tensor::Shape{3}));
  EXPECT_EQ(three.tensors()[0].column.dtype, tensor::Dtype::i32);
  EXPECT_THAT(three.read("4 0, 12").numbers<std::int32_t>(), ElementsAre(4, 0, 12));
  EXPECT_THAT(refusal(R"({"type": "label", "count": 3})", "4 0"), HasSubstr("label: expected 3 numbers, got 2: '4 0'"));
  EXPECT_THAT(refusal(R"({"type": "label", "count": 3})", "4 0 -1"), HasSubstr("a class index is at least 0, got -1"));
  EXPECT_THAT(refusal(R"({"type": "label", "count": 2})", "4 x"), HasSubstr("expected a whole number"));
  Extracted binary(R"({"type": "label", "binary": true, "output_type": "uint32_t"})");
  EXPECT_THAT(binary.read(bytes_of(std::int32_t{258})).numbers<std::int32_t>(), ElementsAre(258));
}

TEST(Label, IsARealNumber) {
  Extracted text(R"({"type": "label", "output_type": "float"})");
  EXPECT_EQ(text.tensors()[0].column.dtype, tensor::Dtype::f32);
  EXPECT_EQ(text.tensors()[0].column.shape, (tensor::Shape{1}));
  EXPECT_THAT(text.read("-2.5e-1").numbers<float>(), ElementsAre(-0.25f));
  EXPECT_THAT(refusal(R"({"type": "label", "output_type": "float"})", "1.5 "),
              HasSubstr("label: expected a number, got '1.5 '"));
  Extracted binary(R"({"type": "label", "output_type": "float", "binary": true, "count": 2})");
  EXPECT_THAT(binary.read(bytes_of(1.5f, -3.0f)).numbers<float>(), ElementsAre(1.5f, -3.0f));
  EXPECT_THAT(refusal(R"({"type": "label", "output_type": "float", "binary": true})", "12"),
              HasSubstr("a binary label has 4 bytes, got 2"));
  EXPECT_THROW(binary.extractor().check_column(records::ElementType::ASCII_INT), base::Error);
  EXPECT_NO_THROW(binary.extractor().check_column(records::ElementType::ASCII_FLOAT));
}

TEST(Blob, GivesEveryTypeInTheNearestOfABatch) {
  const auto blob = [](std::string_view type) {
    return Extracted(fmt::format(R"({{"type": "blob", "output_count": 2, "output_type": "{}"}})", type));
  };
  EXPECT_THAT(blob("float").read(bytes_of(1.5f, -2.0f)).numbers<float>(), ElementsAre(1.5f, -2.0f));
  EXPECT_THAT(blob("double").read(bytes_of(1.5, -2.0)).numbers<float>(), ElementsAre(1.5f, -2.0f));
  EXPECT_THAT(blob("int16_t").read(bytes_of(std::int16_t{-3}, std::int16_t{300})).numbers<std::int32_t>(),
              ElementsAre(-3, 300));
  EXPECT_THAT(blob("uint16_t").read(bytes_of(std::uint16_t{65535}, std::uint16_t{1})).numbers<std::int32_t>(),
              ElementsAre(65535, 1));
  EXPECT_THAT(blob("char").read("\xFF\x01").numbers<std::int32_t>(), ElementsAre(-1, 1));
  EXPECT_EQ(blob("uint8_t").tensors()[0].column.dtype, tensor::Dtype::u8);
  EXPECT_THAT(blob("uint8_t").read("\xFF\x01").numbers<std::uint8_t>(), ElementsAre(255, 1));
  EXPECT_THAT(refusal(R"({"type": "blob", "output_count": 1, "output_type": "uint32_t"})", "\xFF\xFF\xFF\xFF"),
              HasSubstr("whole numbers up to 2147483647"));
  EXPECT_THAT(refusal(R"({"type": "blob", "output_count": 2})", "1234"),
              HasSubstr("expected 8 bytes, 2 of float, got 4"));
}

TEST(Blob, HasAShapeAndMayBeText) {
  Extracted series(R"({"type": "blob", "shape": [2, 3], "binary": false, "role": "target"})");
  EXPECT_EQ(series.tensors()[0].column.shape, (tensor::Shape{2, 3}));
  EXPECT_THAT(series.read("1 2 3\n4;5, +6.5").numbers<float>(), ElementsAre(1, 2, 3, 4, 5, 6.5f));
  EXPECT_THAT(refusal(R"({"type": "blob"})"), HasSubstr("either output_count or shape"));
  EXPECT_THAT(refusal(R"({"type": "blob", "shape": [2, -1]})"), HasSubstr("/shape"));
  EXPECT_THROW(series.extractor().check_column(records::ElementType::ASCII_FLOAT), base::Error);
}

}  // namespace
}  // namespace aeon
