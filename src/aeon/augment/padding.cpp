#include <fmt/format.h>

#include "aeon/augment/augmentation.h"
#include "base/error.h"

namespace aeon {
namespace {

/// A border of zeros on all sides, out of which the image's own size is cut at a random place.
class Padding final : public Augmentation {
 public:
  struct Config {
    int padding = 0;
    static constexpr auto fields() {
      return std::tuple(
          base::field("padding", &Config::padding,
                      "pixels of black border before a random cut of the original size; needs crop_enable: false")
              .range(0, 65535));
    }
  };

  Padding(const Config& config, const ImageTarget&, const base::json::object& all, std::string_view where)
      : config_(config) {
    const auto* crop = all.if_contains("crop_enable");
    const bool crops = crop == nullptr || (crop->is_bool() && crop->get_bool());
    if (config.padding > 0 && crops)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("padding is {} but crop_enable is true; set crop_enable: false", config.padding),
                        base::pointer_to(where, "padding"));
  }

  // Offsets are even in [0, 2 padding]; `padding` itself is the image as it was.
  void draw(base::Random* random, Recipe& recipe) const override {
    if (config_.padding == 0 || random == nullptr) return;
    const auto choices = static_cast<std::uint64_t>(2 * config_.padding + 1);
    recipe.x += static_cast<std::int32_t>(random->below(choices)) - config_.padding;
    recipe.y += static_cast<std::int32_t>(random->below(choices)) - config_.padding;
  }

 private:
  Config config_;
};

const AugmentationOnShelf<Padding> registered("padding", 20, Changes::places);

}  // namespace
}  // namespace aeon
