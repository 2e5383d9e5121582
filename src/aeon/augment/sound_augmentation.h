#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "aeon/extract/draw.h"
#include "base/fields.h"

namespace aeon {

/// What is done to the sounds of one record: the same to all its columns.
struct SoundChange {
  struct Noise {
    std::uint32_t index = 0;  ///< which, modulo how many there are
    double level = 0;         ///< 1: as loud as it is recorded
    double begin = 0;         ///< where it begins, 0 to 1 of its length
  };
  std::optional<Noise> noise;
  double time_scale = 1;  ///< how many times as long it becomes
};

/// An augmentation of type `audio`.
struct SoundAugmentation {
  double add_noise_probability = 0;
  std::array<double, 2> noise_level{0, 0.5};
  std::array<double, 2> time_scale_fraction{1, 1};
  static constexpr auto fields() {
    return std::tuple(base::field("add_noise_probability", &SoundAugmentation::add_noise_probability,
                                  "of a noise from noise_index_file being mixed into a sound")
                          .range(0, 1),
                      base::field("noise_level", &SoundAugmentation::noise_level,
                                  "a noise is made so many times as loud, drawn evenly from this range"),
                      base::field("time_scale_fraction", &SoundAugmentation::time_scale_fraction,
                                  "a sound's spectrum becomes so many times as long, drawn evenly from this range"));
  }

  /// Errors: invalid_argument for a range that is none.
  void check(std::string_view where) const;

  /// Nothing, in evaluation.
  SoundChange draw(const Draw& record) const;

  bool changes() const { return add_noise_probability > 0 || scales_time(); }
  bool scales_time() const { return time_scale_fraction != std::array<double, 2>{1, 1}; }
};

}  // namespace aeon
