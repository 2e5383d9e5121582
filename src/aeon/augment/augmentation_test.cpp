#include "aeon/augment/augmentation.h"

#include <gmock/gmock.h>

#include <set>

#include "base/error.h"

namespace aeon {
namespace {

using base::Error;
using ::testing::HasSubstr;

struct Drawn {
  std::vector<Augmentations::Made> made;
  Recipe recipe;
};

// The recipe that `config` draws for an image; without a seed as in evaluation.
Drawn draw(std::string_view config, ImageTarget target, std::int32_t width, std::int32_t height,
           std::optional<std::uint64_t> seed = {}) {
  Drawn drawn;
  drawn.made = Augmentations::make(base::parse_json(config, "config").as_object(), target, "/augmentation/0");
  drawn.recipe.input_width = drawn.recipe.width = width;
  drawn.recipe.input_height = drawn.recipe.height = height;
  for (const auto& [tag, augmentation] : drawn.made) {
    base::Random random(seed.value_or(0), tag);
    augmentation->draw(seed ? &random : nullptr, drawn.recipe);
  }
  return drawn;
}

std::string error_of(std::string_view config, ImageTarget target = {28, 28, 3}) {
  try {
    const auto object = base::parse_json(config, "config").as_object();
    Augmentations::check(object, "/augmentation/0");
    Augmentations::make(object, target, "/augmentation/0");
  } catch (const Error& error) {
    return error.where + ": " + error.message;
  }
  return "no error";
}

TEST(Crop, IsTheLargestBoxOfTheTargetsAspect) {
  // Width and height of the target and of the box in an image of 100 × 50: values of aeon's tests.
  for (const auto& [w, h, box_w, box_h] :
       {std::array{200, 100, 100, 50}, std::array{50, 25, 100, 50}, std::array{200, 50, 100, 25},
        std::array{50, 100, 25, 50}, std::array{10, 10, 50, 50}}) {
    const Recipe recipe = draw("{}", {h, w, 3}, 100, 50).recipe;
    EXPECT_EQ(recipe.width, box_w);
    EXPECT_EQ(recipe.height, box_h);
    EXPECT_EQ(recipe.x, (100 - box_w) / 2);
    EXPECT_EQ(recipe.y, (50 - box_h) / 2);
  }
}

TEST(Crop, ByDefaultAnImageOfTheTargetsSizeStaysWhole) {
  for (const int size : {1, 7, 28, 223, 224, 4001}) {
    const Recipe recipe = draw("{}", {size, size, 3}, size, size, 1).recipe;
    EXPECT_EQ(recipe.x, 0);
    EXPECT_EQ(recipe.y, 0);
    EXPECT_EQ(recipe.width, size);
    EXPECT_EQ(recipe.height, size);
    EXPECT_FALSE(recipe.mirrored);
    EXPECT_EQ(recipe.step_count, 0u);
  }
}

TEST(Crop, AreaScaleKeepsAspectAndShare) {
  constexpr ImageTarget kTarget{224, 224, 3};
  for (const auto& [w, h] : {std::pair{40000, 20000}, std::pair{30000, 30000}, std::pair{20000, 40000}})
    for (const double share : {1.0, 0.8, 0.6, 0.4, 0.2, 0.07})
      for (const double aspect : {2.0 / 3, 9.0 / 16, 0.75, 1.0, 4.0 / 3, 16.0 / 9, 1.5}) {
        const Recipe recipe =
            draw(fmt::format(R"({{"do_area_scale": true, "scale": [{0}, {0}], "horizontal_distortion": [{1}, {1}]}})",
                             share, aspect),
                 kTarget, w, h, 1)
                .recipe;
        const double bound = std::min(static_cast<double>(w) / h / aspect, static_cast<double>(h) / w * aspect);
        EXPECT_NEAR(static_cast<double>(recipe.width) / recipe.height, aspect, 2e-4);
        EXPECT_NEAR(static_cast<double>(recipe.width) * recipe.height / (static_cast<double>(w) * h),
                    std::min(share, bound), 2e-4);
      }
}

TEST(Crop, RandomBoxesStayInsideAndMove) {
  std::set<std::int32_t> places;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Recipe recipe = draw(R"({"center": false, "scale": [0.3, 0.9], "horizontal_distortion": [0.75, 1.33]})",
                               {20, 20, 3}, 31, 23, seed)
                              .recipe;
    EXPECT_GE(recipe.x, 0);
    EXPECT_GE(recipe.y, 0);
    EXPECT_LE(recipe.x + recipe.width, 31);
    EXPECT_LE(recipe.y + recipe.height, 23);
    EXPECT_GE(recipe.height, 1);
    places.insert(recipe.x);
  }
  EXPECT_GT(places.size(), 8u);
}

TEST(Crop, WithoutItTheImageMustFit) {
  EXPECT_NO_THROW(draw(R"({"crop_enable": false})", {14, 14, 3}, 28, 28));
  EXPECT_NO_THROW(draw(R"({"crop_enable": false})", {267, 400, 3}, 300, 200));
  EXPECT_THROW(draw(R"({"crop_enable": false})", {400, 400, 3}, 300, 200), Error);
}

TEST(Padding, ShiftsByEveryOffsetInTrainingAndNotAtAllInEvaluation) {
  std::set<std::int32_t> shifts;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Recipe recipe = draw(R"({"crop_enable": false, "padding": 3})", {32, 32, 3}, 32, 32, seed).recipe;
    EXPECT_EQ(recipe.width, 32);
    EXPECT_LE(std::abs(recipe.y), 3);
    shifts.insert(recipe.x);
  }
  EXPECT_EQ(shifts, (std::set<std::int32_t>{-3, -2, -1, 0, 1, 2, 3}));
  const Recipe still = draw(R"({"crop_enable": false, "padding": 3, "flip_enable": true})", {32, 32, 3}, 32, 32).recipe;
  EXPECT_EQ(still.x, 0);
  EXPECT_FALSE(still.mirrored);
}

TEST(Flip, HappensHalfTheTime) {
  int mirrored = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed)
    mirrored += draw(R"({"flip_enable": true})", {8, 8, 1}, 8, 8, seed).recipe.mirrored;
  EXPECT_NEAR(mirrored, 500, 60);
}

TEST(Flip, OtherMembersDrawTheSameWithAndWithoutIt) {
  const Recipe without = draw(R"({"center": false, "scale": [0.5, 1]})", {8, 8, 1}, 40, 40, 7).recipe;
  const Recipe with = draw(R"({"center": false, "scale": [0.5, 1], "flip_enable": true})", {8, 8, 1}, 40, 40, 7).recipe;
  EXPECT_EQ(with.x, without.x);
  EXPECT_EQ(with.width, without.width);
}

// Levels 0, 127 and 255 in equal thirds, changed by what `config` draws: values of aeon's tests.
std::vector<std::uint8_t> changed(std::string_view config, int channels) {
  std::vector<std::uint8_t> pixels;
  for (const int level : {0, 127, 255})
    pixels.insert(pixels.end(), static_cast<std::size_t>(10 * channels), static_cast<std::uint8_t>(level));
  const Drawn drawn = draw(config, {3, 10, channels}, 10, 3);
  for (std::size_t i = 0; i < drawn.recipe.step_count; ++i)
    drawn.recipe.steps[i].by->apply(drawn.recipe.steps[i].values, pixels, channels);
  const auto step = static_cast<std::size_t>(10 * channels);
  return {pixels[0], pixels[step], pixels[2 * step]};
}

TEST(Colour, LevelsOfBrightnessAndContrast) {
  using Levels = std::vector<std::uint8_t>;
  for (const int channels : {1, 3}) {
    EXPECT_EQ(changed(R"({"contrast": [0.5, 0.5]})", channels), (Levels{64, 127, 191}));
    EXPECT_EQ(changed(R"({"contrast": [0.1, 0.1]})", channels), (Levels{115, 127, 140}));
    EXPECT_EQ(changed(R"({"brightness": [0.5, 0.5]})", channels), (Levels{0, 64, 128}));
    EXPECT_EQ(changed(R"({"brightness": [0.1, 0.1]})", channels), (Levels{0, 13, 26}));
    EXPECT_EQ(changed(R"({"brightness": [1.5, 1.5]})", channels), (Levels{0, 190, 255}));
  }
}

TEST(Colour, WithoutSaturationAllChannelsAreTheLight) {
  const Drawn drawn = draw(R"({"saturation": [0, 0]})", {1, 1, 3}, 1, 1);
  std::vector<std::uint8_t> pixel{200, 100, 50};
  ASSERT_EQ(drawn.recipe.step_count, 1u);
  drawn.recipe.steps[0].by->apply(drawn.recipe.steps[0].values, pixel, 3);
  EXPECT_THAT(pixel, ::testing::Each(static_cast<std::uint8_t>(93)));  // 0.082 200 + 0.6094 100 + 0.3086 50 = 92.77
}

std::vector<std::uint8_t> turned(int hue, std::vector<std::uint8_t> bgr) {
  const Drawn drawn = draw(fmt::format(R"({{"hue": [{0}, {0}]}})", hue), {1, 1, 3}, 1, 1);
  for (std::size_t i = 0; i < drawn.recipe.step_count; ++i)
    drawn.recipe.steps[i].by->apply(drawn.recipe.steps[i].values, bgr, 3);
  return bgr;
}

TEST(Colour, HueTurnsRoundTheCircle) {
  using Bgr = std::vector<std::uint8_t>;
  EXPECT_EQ(turned(60, {255, 0, 0}), (Bgr{0, 0, 255}));    // blue + 120 degrees = red
  EXPECT_EQ(turned(60, {0, 0, 255}), (Bgr{0, 255, 0}));    // red, green
  EXPECT_EQ(turned(-60, {0, 0, 255}), (Bgr{255, 0, 0}));   // red backwards is blue
  EXPECT_EQ(turned(90, {0, 255, 0}), (Bgr{255, 0, 255}));  // the opposite of green
  EXPECT_EQ(turned(30, {0, 0, 255}), (Bgr{0, 255, 255}));  // red, yellow
  EXPECT_EQ(turned(45, {77, 77, 77}), (Bgr{77, 77, 77}));
  for (const Bgr& pixel : {Bgr{10, 200, 90}, Bgr{250, 120, 30}, Bgr{60, 61, 62}}) {
    const Bgr back = turned(180, pixel);
    for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(back[c], pixel[c], 3);
  }
}

TEST(Colour, LightingAddsOneColourToAllPixels) {
  const Drawn drawn = draw(R"({"lighting": [0, 0.1]})", {1, 2, 3}, 2, 1, 4);
  ASSERT_EQ(drawn.recipe.step_count, 1u);
  std::vector<std::uint8_t> pixels(6, 110);
  drawn.recipe.steps[0].by->apply(drawn.recipe.steps[0].values, pixels, 3);
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_EQ(pixels[c], pixels[c + 3]);
    EXPECT_NEAR(pixels[c], (110 + drawn.recipe.steps[0].values[c]) / 1.1, 1.01);
  }
}

TEST(Standardise, IsTheFormula) {
  const Drawn drawn = draw(R"({"mean": [0.1, 0.2, 0.3], "stddev": [0.5, 0, 2]})", {8, 8, 3}, 8, 8);
  const Augmentation& last = *drawn.made.back().augmentation;
  EXPECT_DOUBLE_EQ(last.finish(0, 51), (0.2 - 0.1) / 0.5);
  EXPECT_DOUBLE_EQ(last.finish(1, 51), 0.2 - 0.2);
  EXPECT_DOUBLE_EQ(last.finish(2, 255), 0.7 / 2);
}

TEST(Augmentations, RefuseWhatIsWrongAndSayWhere) {
  EXPECT_EQ(error_of("{}"), "no error");
  EXPECT_EQ(error_of(R"({"flip_enabled": true})"),
            "/augmentation/0/flip_enabled: unknown augmentation key 'flip_enabled'; did you mean 'flip_enable'?");
  EXPECT_THAT(error_of(R"({"flip_enable": 1})"), HasSubstr("/augmentation/0/flip_enable: "));
  EXPECT_THAT(error_of(R"({"scale": [0.9, 0.5]})"),
              HasSubstr("/augmentation/0/scale: scale must be two numbers from 0 to 1"));
  EXPECT_THAT(error_of(R"({"scale": [0.5]})"), HasSubstr("/augmentation/0/scale: "));
  EXPECT_THAT(error_of(R"({"padding": 4})"),
              HasSubstr("/augmentation/0/padding: padding is 4 but crop_enable is true"));
  EXPECT_THAT(error_of(R"({"mean": [0.5], "stddev": [1, 1, 1]})"),
              HasSubstr("/augmentation/0/mean: mean needs one number per channel: expected 3, got 1"));
  EXPECT_THAT(error_of(R"({"mean": [0, 0, 0]})"), HasSubstr("stddev needs one number per channel: expected 3, got 0"));
  EXPECT_THAT(error_of(R"({"mean": [0], "stddev": [1]})", {8, 8, 1, false}), HasSubstr("need output_type: float"));
  EXPECT_THAT(error_of(R"({"hue": [-18, 18]})", {8, 8, 1}), HasSubstr("hue needs channels: 3"));
  EXPECT_THAT(error_of(R"({"saturation": [0.5, 1]})", {8, 8, 1}), HasSubstr("saturation needs channels: 3"));
}

}  // namespace
}  // namespace aeon
