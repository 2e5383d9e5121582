#include "aeon/augment/augmentation.h"
#include "aeon/augment/colour.h"

namespace aeon {
namespace {

/// out = c x + (1 - c) mean, with the mean of each channel over the image.
class Contrast final : public Augmentation {
 public:
  struct Config {
    std::array<double, 2> contrast{1, 1};
    static constexpr auto fields() {
      return std::tuple(
          base::field("contrast", &Config::contrast, "range of a factor on the distance from the image's mean"));
    }
  };

  Contrast(const Config& config, const ImageTarget&, const base::json::object&, std::string_view where)
      : config_(config) {
    check_range("contrast", config.contrast, where, 0, 255);
  }

  void draw(base::Random* random, Recipe& recipe) const override {
    const auto contrast = static_cast<float>(draw_from(config_.contrast, 1, random));
    if (contrast != 1) recipe.add_step(*this, {contrast});
  }

  void apply(const std::array<float, 4>& values, std::span<std::uint8_t> pixels, int channels) const override {
    const float contrast = values[0];
    const auto step = static_cast<std::size_t>(channels);
    const std::size_t count = pixels.size() / step;
    for (std::size_t c = 0; c < step; ++c) {
      std::uint64_t sum = 0;
      for (std::size_t i = c; i < pixels.size(); i += step) sum += pixels[i];
      const auto mean = static_cast<float>(static_cast<double>(sum) / static_cast<double>(count));
      for (std::size_t i = c; i < pixels.size(); i += step)
        pixels[i] = to_pixel(contrast * pixels[i] + (1 - contrast) * mean);
    }
  }

 private:
  Config config_;
};

const AugmentationOnShelf<Contrast> registered("contrast", 60, Changes::values);

}  // namespace
}  // namespace aeon
