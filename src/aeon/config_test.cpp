#include "aeon/config.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace aeon {
namespace {

using ::testing::HasSubstr;

std::string error_of(std::string_view text) {
  try {
    check(base::decode<LoaderConfig>(base::parse_json(text, "config"), ""));
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::invalid_argument);
    return error.where + ": " + error.message;
  }
  return "no error";
}

std::string with_etl(std::string_view etl) { return fmt::format(R"({{"etl": [{}]}})", etl); }

constexpr std::string_view kImage = R"({"type": "image", "height": 4, "width": 4})";

TEST(LoaderConfig, ReadsBackWhatItWrites) {
  const auto value =
      base::parse_json(R"({"etl": [{"type": "image", "height": 4, "width": 5}, {"type": "label", "binary": true},
                                                  {"type": "label", "name": "side", "role": "input"}],
                                          "augmentation": [{"type": "image", "flip_enable": true}], "shuffle_enable": false,
                                          "decoded_cache_bytes": 0, "prefetch_batches": 3})",
                       "config");
  EXPECT_EQ(base::encode(base::decode<LoaderConfig>(value)), value);
}

TEST(LoaderConfig, RefusesUnknownKeysAtEveryLevel) {
  EXPECT_EQ(error_of(with_etl(kImage)), "no error");
  EXPECT_THAT(error_of(R"({"etl": [], "augmentations": []})"),
              HasSubstr("/augmentations: unknown key 'augmentations'; did you mean 'augmentation'?"));
  EXPECT_THAT(error_of(with_etl(R"({"type": "image", "heigth": 4, "width": 4})")),
              HasSubstr("/etl/0/heigth: unknown key 'heigth'; did you mean 'height'?"));
  EXPECT_THAT(error_of(with_etl(R"({"type": "imag", "height": 4, "width": 4})")),
              HasSubstr("/etl/0/type: unknown etl type 'imag'; did you mean 'image'?"));
  EXPECT_THAT(error_of(with_etl(R"({"type": "speech"})")), HasSubstr("unknown etl type 'speech'"));
  EXPECT_THAT(error_of(R"({"etl": [], "augmentation": [{"type": "image", "flip": true}]})"),
              HasSubstr("unknown augmentation key 'flip'"));
  EXPECT_THAT(error_of(R"({"etl": [], "augmentation": [{"type": "video"}]})"),
              HasSubstr("/augmentation/0/type: unknown augmentation type 'video'"));
}

TEST(LoaderConfig, RefusesWhatIsMissingOrOutOfRange) {
  EXPECT_THAT(error_of("{}"), HasSubstr("'etl' is missing"));
  EXPECT_THAT(error_of(with_etl(R"({"height": 4})")), HasSubstr("/etl/0: 'type' is missing"));
  EXPECT_THAT(error_of(with_etl(R"({"type": "image", "height": 4})")), HasSubstr("/etl/0: 'width' is missing"));
  EXPECT_THAT(error_of(with_etl(R"({"type": "image", "height": 0, "width": 4})")), HasSubstr("/etl/0/height: "));
  EXPECT_THAT(error_of(with_etl(R"({"type": "image", "height": 4, "width": 4, "channels": 2})")),
              HasSubstr("channels must be 1 or 3, got 2"));
  EXPECT_THAT(error_of(with_etl(R"({"type": "image", "height": 4, "width": 4, "channels": 1, "bgr_to_rgb": true})")),
              HasSubstr("bgr_to_rgb needs channels: 3"));
  EXPECT_THAT(error_of(with_etl(R"({"type": "image", "height": 65535, "width": 65535})")), HasSubstr("million pixels"));
  EXPECT_THAT(error_of(with_etl(R"({"type": "label"})")), HasSubstr("/etl: etl names no input"));
  EXPECT_THAT(error_of(with_etl(fmt::format("{0}, {0}", kImage))),
              HasSubstr("/etl/1: two entries of etl make a tensor 'image'; give one of them a name"));
  EXPECT_EQ(error_of(with_etl(
                fmt::format(R"({}, {{"type": "label", "name": "hour"}}, {{"type": "label", "name": "day"}})", kImage))),
            "no error");
  EXPECT_THAT(error_of(with_etl(R"({"type": "unused"})")), HasSubstr("/etl: etl names no input"));
  EXPECT_EQ(error_of(with_etl(fmt::format(R"({}, {{"type": "unused"}}, {{"type": "unused"}})", kImage))), "no error");
  EXPECT_THAT(error_of(with_etl(R"({"type": "image", "height": 4, "width": 4, "role": "both"})")),
              HasSubstr("/etl/0/role: "));
  EXPECT_THAT(
      error_of(fmt::format(R"({{"etl": [{}], "augmentation": [{{"type": "image"}}, {{"type": "image"}}]}})", kImage)),
      HasSubstr("/augmentation/1: "));
  EXPECT_THAT(error_of(R"({"etl": [], "prefetch_batches": 1})"), HasSubstr("/prefetch_batches: "));
}

TEST(LoaderConfig, ItsSchemaKnowsAllKeys) {
  const std::string schema = base::to_text(base::json::value(base::schema<LoaderConfig>()));
  for (const char* word : {"\"image\"", "\"label\"", "bgr_to_rgb", "flip_enable", "stddev", "do_area_scale", "padding"})
    EXPECT_THAT(schema, HasSubstr(word));
}

}  // namespace
}  // namespace aeon
