#include "aeon/augment/sound_augmentation.h"

#include "aeon/augment/augmentation.h"

namespace aeon {
namespace {

constexpr std::uint64_t kPurpose = 0x617564696F;  // "audio"

}  // namespace

void SoundAugmentation::check(std::string_view where) const {
  check_range("noise_level", noise_level, where, 0, 1000);
  check_range("time_scale_fraction", time_scale_fraction, where, 0.01, 100);
}

// All numbers are drawn, used or not, so that turning on one change leaves the others' as they are.
SoundChange SoundAugmentation::draw(const Draw& record) const {
  SoundChange change;
  std::optional<base::Random> random = record.numbers(kPurpose);
  if (!random) return change;
  const bool noisy = random->uniform() < add_noise_probability;
  const SoundChange::Noise noise{random->next(), random->uniform(noise_level[0], noise_level[1]), random->uniform()};
  if (noisy) change.noise = noise;
  change.time_scale = random->uniform(time_scale_fraction[0], time_scale_fraction[1]);
  return change;
}

}  // namespace aeon
