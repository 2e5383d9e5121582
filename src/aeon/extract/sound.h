#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "aeon/memory.h"

namespace aeon {

/// How much of a file is wanted, and how.
struct SoundTarget {
  std::int64_t sample_rate = 16'000;  ///< in hertz; what has another one is converted
  std::int64_t most_samples = 0;      ///< the rest is not read
};

/// The 16-bit samples of one channel of a sound: WAV, FLAC, OGG, MP3, AIFF, AU and what else libsndfile reads, known by
/// its first bytes. Several channels become their mean. What is decoded depends on `bytes` alone.
/// `memory`: where a long sound takes its memory from; none: from wherever it is.
/// Errors: invalid_argument saying what is wrong with the bytes; too_large as SharedMemory::take.
void decode_sound(std::string_view bytes, const SoundTarget& target, SharedMemory* memory,
                  std::vector<std::int16_t>& samples);

/// Whether bytes begin a sound that decode_sound knows.
bool is_sound(std::string_view bytes);

/// One channel at another rate: `to` samples for each `from`. Band-limited interpolation as librosa's (the SoX
/// resampler at high quality: 20 bits). Errors: internal.
void resample(std::vector<float>& samples, std::int64_t from, std::int64_t to);

}  // namespace aeon
