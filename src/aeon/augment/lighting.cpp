#include "aeon/augment/augmentation.h"
#include "aeon/augment/colour.h"
#include "base/error.h"

namespace aeon {
namespace {

// Eigenvectors and deviations of the colours of ImageNet (Krizhevsky et al. 2012, §4.1; numbers of aeon), for b, g, r.
constexpr float kVectors[3][3] = {{0.39731118f, 0.70119634f, -0.59200296f},
                                  {-0.81698062f, -0.02354167f, -0.57618440f},
                                  {0.41795513f, -0.71257945f, -0.56351045f}};
constexpr float kDeviations[3] = {19.72083305f, 37.09388853f, 121.78006099f};

/// Light of another colour: out = (x + p) / (1 + deviation), p = E (deviations × three normal draws).
class Lighting final : public Augmentation {
 public:
  struct Config {
    std::array<double, 2> lighting{0, 0};
    static constexpr auto fields() {
      return std::tuple(base::field(
          "lighting", &Config::lighting,
          "mean and standard deviation of three normal draws along the main colours of photos; needs channels: 3"));
    }
  };

  Lighting(const Config& config, const ImageTarget& target, const base::json::object&, std::string_view where)
      : config_(config) {
    if (config.lighting[1] < 0)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("lighting's standard deviation must be at least 0, got {}", config.lighting[1]),
                        base::pointer_to(where, "lighting"));
    if (config.lighting[1] > 0 && target.channels != 3)
      throw base::Error(base::Code::invalid_argument, "lighting needs channels: 3",
                        base::pointer_to(where, "lighting"));
  }

  void draw(base::Random* random, Recipe& recipe) const override {
    if (config_.lighting[1] == 0 || random == nullptr) return;
    std::array<float, 4> offsets{};
    for (std::size_t k = 0; k < 3; ++k) {
      const auto a = static_cast<float>(config_.lighting[0] + config_.lighting[1] * random->normal());
      for (std::size_t c = 0; c < 3; ++c) offsets[c] += kVectors[c][k] * kDeviations[k] * a;
    }
    recipe.add_step(*this, offsets);
  }

  // Rounded twice, as in aeon.
  void apply(const std::array<float, 4>& offsets, std::span<std::uint8_t> pixels, int) const override {
    const auto divisor = static_cast<float>(1 + config_.lighting[1]);
    for (std::size_t i = 0; i + 2 < pixels.size(); i += 3)
      for (std::size_t c = 0; c < 3; ++c)
        pixels[i + c] =
            to_pixel(static_cast<float>(to_pixel(static_cast<float>(pixels[i + c]) / divisor)) + offsets[c] / divisor);
  }

 private:
  Config config_;
};

const AugmentationOnShelf<Lighting> registered("lighting", 70, Changes::values);

}  // namespace
}  // namespace aeon
