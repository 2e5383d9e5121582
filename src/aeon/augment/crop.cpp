#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "aeon/augment/augmentation.h"
#include "base/error.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

/// Cuts a box out of the image: the largest of the output's aspect times `scale`, or, with do_area_scale, a box with a
/// share of the image's area. Source: aeon 1.3.3, etl_image; sizes are float32 as there.
class Crop final : public Augmentation {
 public:
  struct Config {
    bool crop_enable = true;
    bool center = true;
    std::array<double, 2> scale{1, 1};
    bool do_area_scale = false;
    std::array<double, 2> horizontal_distortion{1, 1};
    static constexpr auto fields() {
      return std::tuple(
          base::field("crop_enable", &Config::crop_enable,
                      "cut out a box; without it the whole image is resized and must have the output's aspect"),
          base::field("center", &Config::center, "cut in the middle; false: anywhere"),
          base::field("scale", &Config::scale,
                      "range of the box's size as a share of the largest box, or of the area with do_area_scale"),
          base::field("do_area_scale", &Config::do_area_scale, "scale is a share of the image's area"),
          base::field("horizontal_distortion", &Config::horizontal_distortion,
                      "range of the factor on the box's width, or of its aspect with do_area_scale"));
    }
  };

  Crop(const Config& config, const ImageTarget& target, const base::json::object&, std::string_view where)
      : config_(config), target_(target) {
    check_range("scale", config.scale, where, 0, 1);
    check_range("horizontal_distortion", config.horizontal_distortion, where, 0.01, 100);
  }

  void draw(base::Random* random, Recipe& recipe) const override {
    if (!config_.crop_enable) {
      require_fit(recipe);
      return;
    }
    const auto input_width = static_cast<float>(recipe.input_width),
               input_height = static_cast<float>(recipe.input_height);
    const auto distortion = static_cast<float>(draw_from(config_.horizontal_distortion, 1, random));
    float width, height;
    if (config_.do_area_scale) {
      const double bound =
          std::min(double{input_width} / input_height / distortion, double{input_height} / input_width * distortion);
      const double share = draw_from({std::min(config_.scale[0], bound), std::min(config_.scale[1], bound)}, 1, random);
      const double side = std::sqrt(double{input_width} * input_height * share);
      width = static_cast<float>(side * std::sqrt(distortion));
      height = static_cast<float>(side / std::sqrt(distortion));
    } else {
      const auto scale = static_cast<float>(draw_from(config_.scale, 1, random));
      const auto target_height = static_cast<float>(target_.height);
      const float target_width = static_cast<float>(target_.width) * distortion;
      float fit = input_width / target_width;
      if (target_height * fit > input_height) fit = input_height / target_height;
      width = target_width * fit * scale;
      height = target_height * fit * scale;
    }
    const bool anywhere = !config_.center && random != nullptr;
    const double offset_x = anywhere ? random->uniform() : 0.5, offset_y = anywhere ? random->uniform() : 0.5;
    place(width, recipe.input_width, offset_x, recipe.x, recipe.width);
    place(height, recipe.input_height, offset_y, recipe.y, recipe.height);
  }

 private:
  // On one axis: the start is cut off to a whole pixel, the length rounded half to even, at least 1 and inside.
  static void place(float length, std::int32_t input, double offset, std::int32_t& start, std::int32_t& rounded) {
    rounded = std::clamp(static_cast<std::int32_t>(std::nearbyint(length)), 1, input);
    start = std::clamp(static_cast<std::int32_t>((static_cast<float>(input) - length) * offset), 0, input - rounded);
  }

  void require_fit(const Recipe& recipe) const {
    double factor = static_cast<double>(target_.width) / recipe.input_width;
    if (recipe.input_height * factor > target_.height)
      factor = static_cast<double>(target_.height) / recipe.input_height;
    if (std::nearbyint(recipe.input_width * factor) != target_.width ||
        std::nearbyint(recipe.input_height * factor) != target_.height)
      throw Error(Code::invalid_argument,
                  fmt::format("the image is {} wide and {} high, which has not the aspect of {} by {}; with "
                              "crop_enable: true it is cut to it",
                              recipe.input_width, recipe.input_height, target_.width, target_.height));
  }

  Config config_;
  ImageTarget target_;
};

const AugmentationOnShelf<Crop> registered("crop", 10, Changes::places);

}  // namespace
}  // namespace aeon
