#include "aeon/extract/spectrum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/vectorized.h"

namespace aeon {
namespace {

constexpr float kLeastPower = 1e-10f;

double window_at(Window window, std::int64_t i, std::int64_t n) {
  const double t = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n - 1);
  switch (window) {
    case Window::hann: return 0.5 - 0.5 * std::cos(t);
    case Window::hamming: return 0.54 - 0.46 * std::cos(t);
    case Window::blackman: return 0.42 - 0.5 * std::cos(t) + 0.08 * std::cos(2 * t);
    case Window::bartlett:
      return 1 - 2 * std::abs(static_cast<double>(i) - static_cast<double>(n) / 2) / static_cast<double>(n);
    case Window::none: break;
  }
  return 1;
}

NCLOUD_VECTORIZED void multiply(const std::int16_t* samples, const float* window, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<float>(samples[i]) * window[i];
}

NCLOUD_VECTORIZED void square_roots(const float* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = __builtin_sqrtf(from[i]);
}

// to[k] = sum of values[i] · cosines[i][k]; four at a time, so that `to` is not read and written for each.
NCLOUD_VECTORIZED void transform(const float* __restrict values, std::size_t count, const float* __restrict cosines,
                                 std::size_t cepstra, float* __restrict to) {
  for (std::size_t k = 0; k < cepstra; ++k) to[k] = 0;
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4, cosines += 4 * cepstra)
    for (std::size_t k = 0; k < cepstra; ++k)
      to[k] += values[i] * cosines[k] + values[i + 1] * cosines[cepstra + k] +
               values[i + 2] * cosines[2 * cepstra + k] + values[i + 3] * cosines[3 * cepstra + k];
  for (; i < count; ++i, cosines += cepstra)
    for (std::size_t k = 0; k < cepstra; ++k) to[k] += values[i] * cosines[k];
}

double mel_of(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double hertz_of(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

}  // namespace

Spectrum::Spectrum(const SpectrumConfig& config) : config_(config), fourier_(config.frame_length) {
  for (std::int64_t i = 0; i < config.frame_length; ++i)
    window_.push_back(static_cast<float>(window_at(config.window, i, config.frame_length)));
  if (config.feature != SoundFeature::specgram) make_filters();
  if (config.feature == SoundFeature::mfcc) make_cosines();
}

std::int64_t Spectrum::bins() const {
  if (config_.feature == SoundFeature::specgram) return fourier_.bins();
  return config_.feature == SoundFeature::mfsc ? config_.filters : config_.cepstra;
}

void Spectrum::make_filters() {
  const double highest = mel_of(static_cast<double>(config_.sample_rate) / 2);
  std::vector<std::int64_t> corners;
  for (std::int64_t i = 0; i < config_.filters + 2; ++i) {
    const double hertz = hertz_of(highest * static_cast<double>(i) / static_cast<double>(config_.filters + 1));
    corners.push_back(static_cast<std::int64_t>(
        std::floor(static_cast<double>(1 + config_.frame_length) * hertz / static_cast<double>(config_.sample_rate))));
    // The last corner may fall under half the rate or over it by rounding.
    corners.back() = std::min(corners.back(), fourier_.bins());
  }
  // The power's division is done here, once for all frames.
  const double share = 1 / (2 * static_cast<double>(fourier_.bins() - 1));
  for (std::size_t j = 0; j + 2 < corners.size(); ++j) {
    const std::int64_t left = corners[j], centre = corners[j + 1], right = corners[j + 2];
    Filter filter{static_cast<std::size_t>(left), {}};
    for (std::int64_t i = left; i < centre; ++i)
      filter.weights.push_back(
          static_cast<float>(share * static_cast<double>(i - left) / static_cast<double>(centre - left)));
    for (std::int64_t i = centre; i < right; ++i)
      filter.weights.push_back(
          static_cast<float>(share * static_cast<double>(right - i) / static_cast<double>(right - centre)));
    filters_.push_back(std::move(filter));
  }
}

void Spectrum::make_cosines() {
  const std::int64_t n = config_.filters + config_.filters % 2;
  for (std::int64_t i = 0; i < config_.filters; ++i)
    for (std::int64_t k = 0; k < config_.cepstra; ++k) {
      const double angle = std::numbers::pi * static_cast<double>(k * (2 * i + 1)) / static_cast<double>(2 * n);
      const double scale = std::sqrt((k == 0 ? 1.0 : 2.0) / static_cast<double>(n));
      cosines_.push_back(static_cast<float>(scale * std::cos(angle)));
    }
}

void Spectrum::compute(const std::int16_t* samples, float* features, Scratch& scratch) const {
  scratch.windowed.resize(window_.size());
  multiply(samples, window_.data(), window_.size(), scratch.windowed.data());
  scratch.power.resize(static_cast<std::size_t>(fourier_.bins()));
  fourier_.power(scratch.windowed.data(), scratch.power.data(), scratch.transform);
  if (config_.feature == SoundFeature::specgram)
    return square_roots(scratch.power.data(), scratch.power.size(), features);
  scratch.filtered.resize(filters_.size());
  float* filtered = config_.feature == SoundFeature::mfsc ? features : scratch.filtered.data();
  for (std::size_t j = 0; j < filters_.size(); ++j) {
    const Filter& filter = filters_[j];
    const float* power = scratch.power.data() + filter.first;
    float sum = 0;
    for (std::size_t i = 0; i < filter.weights.size(); ++i) sum += filter.weights[i] * power[i];
    filtered[j] = std::log(std::max(sum, kLeastPower));
  }
  if (config_.feature == SoundFeature::mfcc)
    transform(filtered, filters_.size(), cosines_.data(), static_cast<std::size_t>(config_.cepstra), features);
}

namespace {

// Row i of the result is the mean of the rows that fall on it, those at its ends by what lies inside.
void shrink(const std::vector<float>& frames, std::size_t bins, std::size_t from, std::size_t to, double step,
            float* scaled) {
  for (std::size_t i = 0; i < to; ++i) {
    const double begin = static_cast<double>(i) * step;
    const double end = std::min(begin + step, static_cast<double>(from));
    float* row = scaled + i * bins;
    for (auto source = static_cast<std::size_t>(begin); source < from && static_cast<double>(source) < end; ++source) {
      const double inside =
          std::min(end, static_cast<double>(source + 1)) - std::max(begin, static_cast<double>(source));
      const auto weight = static_cast<float>(inside / (end - begin));
      for (std::size_t bin = 0; bin < bins; ++bin) row[bin] += weight * frames[source * bins + bin];
    }
  }
}

// Keys, "Cubic convolution interpolation" (1981), a = -0.75; beyond the ends the end rows go on.
void stretch(const std::vector<float>& frames, std::size_t bins, std::size_t from, std::size_t to, double step,
             float* scaled) {
  constexpr double a = -0.75;
  for (std::size_t i = 0; i < to; ++i) {
    const double at = (static_cast<double>(i) + 0.5) * step - 0.5, below = std::floor(at), t = at - below;
    std::array<double, 4> weights{};
    weights[0] = ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a;
    weights[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
    weights[2] = ((a + 2) * (1 - t) - (a + 3)) * (1 - t) * (1 - t) + 1;
    weights[3] = 1 - weights[0] - weights[1] - weights[2];
    float* row = scaled + i * bins;
    for (std::size_t tap = 0; tap < weights.size(); ++tap) {
      const double place = std::clamp(below - 1 + static_cast<double>(tap), 0.0, static_cast<double>(from - 1));
      const float* source = frames.data() + static_cast<std::size_t>(place) * bins;
      const auto weight = static_cast<float>(weights[tap]);
      for (std::size_t bin = 0; bin < bins; ++bin) row[bin] += weight * source[bin];
    }
  }
}

}  // namespace

void scale_time(const std::vector<float>& frames, std::int64_t bins, double factor, std::vector<float>& scaled) {
  const auto width = static_cast<std::size_t>(bins), from = frames.size() / width;
  const auto to = static_cast<std::size_t>(std::max(1.0, std::nearbyint(static_cast<double>(from) * factor)));
  scaled.assign(to * width, 0.0f);
  (factor > 1 ? stretch : shrink)(frames, width, from, to, 1 / factor, scaled.data());
}

}  // namespace aeon
