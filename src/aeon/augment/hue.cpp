#include <algorithm>
#include <cmath>

#include "aeon/augment/augmentation.h"
#include "aeon/augment/colour.h"
#include "base/error.h"

namespace aeon {
namespace {

/// Turns all colours on the circle of hues. In units of 2 degrees, as hues are kept in 8 bits: 0..179.
/// Source: aeon 1.3.3, but a negative sum wraps round the circle, as was meant there.
class Hue final : public Augmentation {
 public:
  struct Config {
    std::array<int, 2> hue{0, 0};
    static constexpr auto fields() {
      return std::tuple(base::field("hue", &Config::hue,
                                    "range of a whole number of 2 degrees by which hues turn; needs channels: 3"));
    }
  };

  Hue(const Config& config, const ImageTarget& target, const base::json::object&, std::string_view where)
      : config_(config) {
    check_range("hue", {static_cast<double>(config.hue[0]), static_cast<double>(config.hue[1])}, where, -180, 180);
    if (target.channels != 3 && config.hue != std::array<int, 2>{0, 0})
      throw base::Error(base::Code::invalid_argument, "hue needs channels: 3", base::pointer_to(where, "hue"));
  }

  void draw(base::Random* random, Recipe& recipe) const override {
    const auto [low, high] = config_.hue;
    const int turn = random == nullptr
                         ? std::clamp(0, low, high)
                         : low + static_cast<int>(random->below(static_cast<std::uint64_t>(high - low + 1)));
    if (turn != 0) recipe.add_step(*this, {static_cast<float>(turn)});
  }

  void apply(const std::array<float, 4>& values, std::span<std::uint8_t> pixels, int) const override {
    const int turn = static_cast<int>(values[0]);
    for (std::size_t i = 0; i + 2 < pixels.size(); i += 3) turn_pixel(&pixels[i], turn);
  }

 private:
  // To hue (0..179), saturation and value (0..255), and back; all rounded to 8 bits on the way.
  static void turn_pixel(std::uint8_t* bgr, int turn) {
    const int b = bgr[0], g = bgr[1], r = bgr[2];
    const int value = std::max({b, g, r}), range = value - std::min({b, g, r});
    if (range == 0) return;  // gray has no hue
    const int sixths = value == r ? g - b : value == g ? b - r + 2 * range : r - g + 4 * range;
    const int hue = static_cast<int>(std::floor(sixths * 30.0 / range + 0.5));
    const float saturation = to_pixel(static_cast<float>(range) * 255 / static_cast<float>(value)) / 255.0f;
    const float turned = static_cast<float>(((hue + turn) % 180 + 180) % 180) / 30;
    const int sector = static_cast<int>(turned);
    const float within = turned - static_cast<float>(sector), full = static_cast<float>(value);
    const float levels[4] = {full, full * (1 - saturation), full * (1 - saturation * within),
                             full * (1 - saturation * (1 - within))};
    static constexpr int kLevelOf[6][3] = {{1, 3, 0}, {1, 0, 2}, {3, 0, 1},
                                           {0, 2, 1}, {0, 1, 3}, {2, 1, 0}};  // of b, g, r
    for (std::size_t c = 0; c < 3; ++c) bgr[c] = to_pixel(levels[kLevelOf[sector][c]]);
  }

  Config config_;
};

const AugmentationOnShelf<Hue> registered("hue", 50, Changes::values);

}  // namespace
}  // namespace aeon
