#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "aeon/extract/fourier.h"

namespace aeon {

enum class SoundFeature { specgram, mfsc, mfcc, samples };
constexpr auto enumerators(SoundFeature) {
  return std::array{std::pair{SoundFeature::specgram, "specgram"}, std::pair{SoundFeature::mfsc, "mfsc"},
                    std::pair{SoundFeature::mfcc, "mfcc"}, std::pair{SoundFeature::samples, "samples"}};
}

enum class Window { hann, hamming, blackman, bartlett, none };
constexpr auto enumerators(Window) {
  return std::array{std::pair{Window::hann, "hann"}, std::pair{Window::hamming, "hamming"},
                    std::pair{Window::blackman, "blackman"}, std::pair{Window::bartlett, "bartlett"},
                    std::pair{Window::none, "none"}};
}

struct SpectrumConfig {
  SoundFeature feature = SoundFeature::specgram;  ///< all but samples
  Window window = Window::hann;
  std::int64_t frame_length = 0;  ///< samples, at least 2
  std::int64_t sample_rate = 16'000;
  std::int64_t filters = 64;  ///< mfsc, mfcc
  std::int64_t cepstra = 40;  ///< mfcc, at most `filters`
};

/// What is heard within one frame of n samples, by frequency. As aeon (audio features of 1.3):
///   specgram  |DFT(window · samples)|, n/2 + 1 of them
///   mfsc      ln of the power |DFT|² / n' in `filters` triangles, n' = 2 (bins - 1). Their n + 2 corners lie evenly on
///             the mel scale, 2595 log10(1 + f/700), from 0 to half the sample rate, at bin floor((1 + n) f / rate). A
///             power under 1e-10 counts as that
///   mfcc      the first `cepstra` of the orthonormal DCT-II of mfsc, to which a zero is added when it has an odd
///   number
/// Threads: any number at once, each with its own scratch.
class Spectrum {
 public:
  struct Scratch {
    std::vector<float> windowed, power, filtered;
    Fourier::Scratch transform;
  };

  explicit Spectrum(const SpectrumConfig& config);

  /// Numbers that a frame becomes.
  std::int64_t bins() const;

  /// `samples` has frame_length numbers, `features` room for bins(), lowest frequency first.
  void compute(const std::int16_t* samples, float* features, Scratch& scratch) const;

 private:
  /// One triangle: weights of the bins from `first` on.
  struct Filter {
    std::size_t first = 0;
    std::vector<float> weights;
  };
  void make_filters();
  void make_cosines();

  SpectrumConfig config_;
  Fourier fourier_;
  std::vector<float> window_;
  std::vector<Filter> filters_;
  std::vector<float> cosines_;  // (filters, cepstra): those of one filter lie together
};

/// Frames stretched over time: (frames, bins) become (round(frames · factor), bins), of the means of what falls on each
/// when there are fewer, by cubic interpolation (a = -0.75) when there are more.
void scale_time(const std::vector<float>& frames, std::int64_t bins, double factor, std::vector<float>& scaled);

}  // namespace aeon
