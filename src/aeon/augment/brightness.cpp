#include "aeon/augment/augmentation.h"
#include "aeon/augment/colour.h"
#include "base/error.h"

namespace aeon {
namespace {

constexpr float kWeights[3] = {0.0820f, 0.6094f, 0.3086f};  // of b, g, r in what the eye sees as light

/// Brightness B and saturation S in one step: out = B (S x + (1 - S) light(x)). Gray images take brightness only.
class Brightness final : public Augmentation {
 public:
  struct Config {
    std::array<double, 2> brightness{1, 1}, saturation{1, 1};
    static constexpr auto fields() {
      return std::tuple(base::field("brightness", &Config::brightness, "range of a factor on all pixels"),
                        base::field("saturation", &Config::saturation,
                                    "range of a factor on the distance from gray; needs channels: 3"));
    }
  };

  Brightness(const Config& config, const ImageTarget& target, const base::json::object&, std::string_view where)
      : config_(config) {
    check_range("brightness", config.brightness, where, 0, 255);
    check_range("saturation", config.saturation, where, 0, 255);
    if (target.channels == 1 && config.saturation != std::array<double, 2>{1, 1})
      throw base::Error(base::Code::invalid_argument, "saturation needs channels: 3",
                        base::pointer_to(where, "saturation"));
  }

  void draw(base::Random* random, Recipe& recipe) const override {
    const auto brightness = static_cast<float>(draw_from(config_.brightness, 1, random));
    const auto saturation = static_cast<float>(draw_from(config_.saturation, 1, random));
    if (brightness != 1 || saturation != 1) recipe.add_step(*this, {brightness, saturation});
  }

  void apply(const std::array<float, 4>& values, std::span<std::uint8_t> pixels, int channels) const override {
    const auto [brightness, saturation, unused0, unused1] = values;
    if (channels == 1) {
      for (std::uint8_t& pixel : pixels) pixel = to_pixel(brightness * pixel);
      return;
    }
    for (std::size_t i = 0; i + 2 < pixels.size(); i += 3) {
      const float light = kWeights[0] * pixels[i] + kWeights[1] * pixels[i + 1] + kWeights[2] * pixels[i + 2];
      for (std::size_t c = 0; c < 3; ++c)
        pixels[i + c] = to_pixel(brightness * (saturation * pixels[i + c] + (1 - saturation) * light));
    }
  }

 private:
  Config config_;
};

const AugmentationOnShelf<Brightness> registered("brightness", 40, Changes::values);

}  // namespace
}  // namespace aeon
