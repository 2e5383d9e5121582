#include "aeon/augment/augmentation.h"

namespace aeon {
namespace {

/// Mirrors left and right, every second image on average.
class Flip final : public Augmentation {
 public:
  struct Config {
    bool flip_enable = false;
    static constexpr auto fields() {
      return std::tuple(base::field("flip_enable", &Config::flip_enable, "mirror left and right with probability 1/2"));
    }
  };

  Flip(const Config& config, const ImageTarget&, const base::json::object&, std::string_view) : config_(config) {}

  void draw(base::Random* random, Recipe& recipe) const override {
    if (config_.flip_enable && random != nullptr) recipe.mirrored = random->uniform() < 0.5;
  }

 private:
  Config config_;
};

const AugmentationOnShelf<Flip> registered("flip", 30, Changes::places);

}  // namespace
}  // namespace aeon
