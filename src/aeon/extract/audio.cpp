#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "aeon/augment/sound_augmentation.h"
#include "aeon/extract/duration.h"
#include "aeon/extract/extractor.h"
#include "aeon/extract/noise.h"
#include "aeon/extract/sound.h"
#include "aeon/extract/spectrum.h"
#include "base/error.h"

namespace aeon {

enum class SoundOutput { float_, uint8, int16 };
constexpr auto enumerators(SoundOutput) {
  return std::array{std::pair{SoundOutput::float_, "float"}, std::pair{SoundOutput::uint8, "uint8_t"},
                    std::pair{SoundOutput::int16, "int16_t"}};
}

namespace {

using base::Code;
using base::Error;

/// A sound's samples, or what is heard in it by time and frequency.
class Audio final : public Extractor {
 public:
  struct Config {
    Duration max_duration;
    std::optional<Duration> frame_length, frame_stride;
    std::int64_t sample_freq_hz = 16'000;
    SoundFeature feature_type = SoundFeature::specgram;
    Window window_type = Window::hann;
    std::int64_t num_filters = 64, num_cepstra = 40;
    std::string noise_index_file, noise_root;
    SoundOutput output_type = SoundOutput::float_;
    std::optional<double> mean, stddev;
    bool emit_length = false, emit_steps = false;
    static constexpr auto fields() {
      return std::tuple(
          base::field("max_duration", &Config::max_duration,
                      "of a sample: '2 seconds', '500 milliseconds', '16000 samples'; the end of a longer sound is cut "
                      "off, a shorter one filled up with zeros")
              .required(),
          base::field("frame_length", &Config::frame_length, "of what one step hears; needed but for samples"),
          base::field("frame_stride", &Config::frame_stride, "from one step to the next; needed but for samples"),
          base::field("sample_freq_hz", &Config::sample_freq_hz, "sounds of another rate are converted")
              .range(1000, 768'000),
          base::field("feature_type", &Config::feature_type,
                      "specgram (magnitudes), mfsc (logarithm of the power in filters on the mel scale), mfcc (its "
                      "cosine transform) or samples"),
          base::field("window_type", &Config::window_type, "what a frame is multiplied with"),
          base::field("num_filters", &Config::num_filters, "of mfsc and mfcc").range(1, 4096),
          base::field("num_cepstra", &Config::num_cepstra, "of mfcc, at most num_filters").range(1, 4096),
          base::field("noise_index_file", &Config::noise_index_file,
                      "a file that names one sound a line, for add_noise_probability"),
          base::field("noise_root", &Config::noise_root, "folder of noises whose names are relative"),
          base::field(
              "output_type", &Config::output_type,
              "float or uint8_t, 0 to 255 from the least to the greatest value of the clip; of samples float or "
              "int16_t, -32768 to 32767"),
          base::field("mean", &Config::mean,
                      "float becomes (x/255 - mean) / stddev; of samples (x/32768 - mean) / stddev"),
          base::field("stddev", &Config::stddev, "see mean").positive(),
          base::field("emit_length", &Config::emit_length,
                      "also gives `audio_length`, (1) i32: samples of the sound, at most max_duration"),
          base::field("emit_steps", &Config::emit_steps,
                      "also gives `audio_steps`, (1) i32: time steps without filling, for layers that leave it out"));
    }
  };

  Audio(const Config& config, const LoaderConfig& loader, std::string_view where) : config_(config) {
    most_samples_ = config.max_duration.samples(config.sample_freq_hz);
    if (most_samples_ < 1 || most_samples_ > kMostSamples)
      throw Error(Code::invalid_argument,
                  fmt::format("max_duration '{}' is {} samples; the limits are 1 and {} million",
                              config.max_duration.text, most_samples_, kMostSamples / 1'000'000),
                  base::pointer_to(where, "max_duration"));
    if (const AugmentationEntry* entry = loader.augmentation_of("audio")) {
      augmentation_ = base::decode<SoundAugmentation>(entry->config, entry->where);
      if (augmentation_.add_noise_probability > 0 && config.noise_index_file.empty())
        throw Error(Code::invalid_argument, "add_noise_probability needs noise_index_file in the audio's entry of etl",
                    base::pointer_to(entry->where, "add_noise_probability"));
      if (is_samples() && augmentation_.scales_time())
        throw Error(Code::invalid_argument, "time_scale_fraction is for spectra, not for feature_type: samples",
                    base::pointer_to(entry->where, "time_scale_fraction"));
    }
    check_output(where);
    if (!is_samples()) make_frames(where);
    if (!config.noise_index_file.empty())
      noise_ = std::make_unique<Noise>(config.noise_index_file, config.noise_root, config.sample_freq_hz);
  }

  Role role() const override { return Role::input; }
  std::vector<ExtractedTensor> tensors() const override {
    const tensor::Dtype dtype = config_.output_type == SoundOutput::float_  ? tensor::Dtype::f32
                                : config_.output_type == SoundOutput::uint8 ? tensor::Dtype::u8
                                                                            : tensor::Dtype::i32;
    std::vector<ExtractedTensor> tensors{{{"audio", {1, bins(), steps()}, dtype}}};
    if (config_.emit_length) tensors.push_back({{"audio_length", {1}, tensor::Dtype::i32}});
    if (config_.emit_steps) tensors.push_back({{"audio_steps", {1}, tensor::Dtype::i32}});
    return tensors;
  }

  void check_column(records::ElementType type) const override {
    if (type == records::ElementType::ASCII_INT || type == records::ElementType::ASCII_FLOAT)
      throw Error(Code::invalid_argument,
                  fmt::format("audio is read from files, and an {} column holds a number", base::word(type)));
  }

  /// The number of samples, and then what is not random of the rest: the spectrum (steps, bins) f32 where nothing
  /// changes it, else the samples themselves, two in a word.
  void decode(std::string_view bytes, Scratch& scratch, Decoded& decoded) const override {
    std::vector<std::int16_t>& samples = scratch.samples;
    decode_sound(bytes, {config_.sample_freq_hz, most_samples_}, decoded.memory, samples);
    const auto count = static_cast<std::int64_t>(samples.size());
    if (keeps_samples()) {
      if (!is_samples()) steps_of(count);  // too short a sound is told here
      decoded.allot(tensor::Dtype::i32, {1 + (count + 1) / 2});
      std::copy(samples.begin(), samples.end(), reinterpret_cast<std::int16_t*>(decoded.as<std::int32_t>().data() + 1));
    } else {
      const std::int64_t heard = steps_of(count);
      decoded.allot(tensor::Dtype::i32, {1 + heard * bins()});
      hear(samples, reinterpret_cast<float*>(decoded.as<std::int32_t>().data() + 1), scratch);
    }
    decoded.as<std::int32_t>()[0] = static_cast<std::int32_t>(count);
  }

  void write(const DecodedView& decoded, const Draw& draw, Scratch& scratch,
             std::span<std::byte* const> destinations) const override {
    const std::int32_t* words = decoded.as<std::int32_t>().data();
    const std::int64_t count = words[0];
    std::int64_t heard = 0;
    if (keeps_samples()) {
      const auto* from = reinterpret_cast<const std::int16_t*>(words + 1);
      scratch.samples.assign(from, from + count);
      const SoundChange change = augmentation_.draw(draw);
      if (change.noise) noise_->mix(change.noise->index, change.noise->level, change.noise->begin, scratch.samples);
      heard = is_samples() ? write_samples(scratch.samples, destinations[0])
                           : write_heard(scratch.samples, change.time_scale, scratch, destinations[0]);
    } else {
      heard = steps_of(count);
      write_spectrum(reinterpret_cast<const float*>(words + 1), heard, destinations[0]);
    }
    std::size_t i = 1;
    if (config_.emit_length) write_number(count, destinations[i++]);
    if (config_.emit_steps) write_number(heard, destinations[i++]);
  }

 private:
  static constexpr std::int64_t kMostSamples = 100'000'000;

  bool is_samples() const { return config_.feature_type == SoundFeature::samples; }
  bool keeps_samples() const { return is_samples() || augmentation_.changes(); }
  std::int64_t bins() const { return is_samples() ? 1 : spectrum_->bins(); }
  std::int64_t steps() const { return is_samples() ? most_samples_ : (most_samples_ - frame_) / stride_ + 1; }

  void check_output(std::string_view where) const {
    const SoundOutput other = is_samples() ? SoundOutput::uint8 : SoundOutput::int16;
    if (config_.output_type == other)
      throw Error(Code::invalid_argument,
                  fmt::format("output_type {} is not for feature_type: {}; expected float or {}", base::word(other),
                              base::word(config_.feature_type),
                              base::word(is_samples() ? SoundOutput::int16 : SoundOutput::uint8)),
                  base::pointer_to(where, "output_type"));
    if ((config_.mean || config_.stddev) && config_.output_type != SoundOutput::float_)
      throw Error(Code::invalid_argument, "mean and stddev need output_type: float", base::pointer_to(where, "mean"));
  }

  void make_frames(std::string_view where) {
    for (const auto& [key, duration] :
         {std::pair{"frame_length", &config_.frame_length}, std::pair{"frame_stride", &config_.frame_stride}})
      if (!duration->has_value())
        throw Error(Code::invalid_argument,
                    fmt::format("'{}' is missing: needed for feature_type: {}, such as '25 milliseconds'", key,
                                base::word(config_.feature_type)),
                    std::string(where));
    frame_ = config_.frame_length->samples(config_.sample_freq_hz);
    stride_ = config_.frame_stride->samples(config_.sample_freq_hz);
    if (frame_ < 2 || frame_ > most_samples_ || frame_ > kLongestFrame)
      throw Error(
          Code::invalid_argument,
          fmt::format("frame_length '{}' is {} samples; it must be 2 at least, max_duration ({}) at most, and {} "
                      "at most",
                      config_.frame_length->text, frame_, most_samples_, kLongestFrame),
          base::pointer_to(where, "frame_length"));
    if (stride_ < 1)
      throw Error(Code::invalid_argument,
                  fmt::format("frame_stride '{}' is less than a sample", config_.frame_stride->text),
                  base::pointer_to(where, "frame_stride"));
    if (config_.feature_type == SoundFeature::mfcc && config_.num_cepstra > config_.num_filters)
      throw Error(Code::invalid_argument,
                  fmt::format("num_cepstra {} is more than num_filters {}", config_.num_cepstra, config_.num_filters),
                  base::pointer_to(where, "num_cepstra"));
    spectrum_.emplace(SpectrumConfig{config_.feature_type, config_.window_type, frame_, config_.sample_freq_hz,
                                     config_.num_filters, config_.num_cepstra});
  }

  // Errors: invalid_argument for less than a frame.
  std::int64_t steps_of(std::int64_t samples) const {
    if (samples < frame_)
      throw Error(Code::invalid_argument, fmt::format("the sound has {} samples at {} Hz, and a frame {}", samples,
                                                      config_.sample_freq_hz, frame_));
    return std::min((samples - frame_) / stride_ + 1, steps());
  }

  // (steps_of, bins) to `frames`.
  void hear(std::span<const std::int16_t> samples, float* frames, Scratch& scratch) const {
    const std::int64_t heard = steps_of(static_cast<std::int64_t>(samples.size()));
    for (std::int64_t step = 0; step < heard; ++step)
      spectrum_->compute(samples.data() + step * stride_, frames + step * bins(), scratch.spectrum);
  }

  std::int64_t write_heard(std::span<const std::int16_t> samples, double time_scale, Scratch& scratch,
                           std::byte* to) const {
    scratch.frames.resize(static_cast<std::size_t>(steps_of(static_cast<std::int64_t>(samples.size())) * bins()));
    hear(samples, scratch.frames.data(), scratch);
    const std::vector<float>* frames = &scratch.frames;
    if (time_scale != 1) {
      scale_time(scratch.frames, bins(), time_scale, scratch.scaled);
      frames = &scratch.scaled;
    }
    const auto heard = static_cast<std::int64_t>(frames->size()) / bins();
    write_spectrum(frames->data(), heard, to);
    return std::min(heard, steps());
  }

  std::int64_t write_samples(std::span<const std::int16_t> samples, std::byte* to) const {
    const auto count = static_cast<std::int64_t>(samples.size());
    if (to == nullptr) return count;
    if (config_.output_type == SoundOutput::int16) {
      auto* numbers = reinterpret_cast<std::int32_t*>(to);
      std::fill(std::copy(samples.begin(), samples.end(), numbers), numbers + most_samples_, 0);
    } else {
      auto* numbers = reinterpret_cast<float*>(to);
      float* end = std::transform(samples.begin(), samples.end(), numbers,
                                  [&](std::int16_t sample) { return finish(sample, 32768); });
      std::fill(end, numbers + most_samples_, finish(0, 32768));
    }
    return count;
  }

  // Frames (steps, bins) become (bins, steps), the highest bin first: 0 to 255 from the least to the greatest number.
  void write_spectrum(const float* frames, std::int64_t heard, std::byte* to) const {
    if (to == nullptr) return;
    const auto [least, greatest] = std::minmax_element(frames, frames + heard * bins());
    const float lowest = *least, range = *greatest - lowest;
    const float scale = range > 0 ? 255 / range : 0;
    if (config_.output_type == SoundOutput::uint8)
      turn(
          frames, heard, reinterpret_cast<std::uint8_t*>(to),
          [&](float value) {
            return static_cast<std::uint8_t>(std::clamp(std::nearbyint((value - lowest) * scale), 0.0f, 255.0f));
          },
          std::uint8_t{0});
    else
      turn(
          frames, heard, reinterpret_cast<float*>(to),
          [&](float value) { return finish((value - lowest) * scale, 255); }, finish(0, 255));
  }

  template <class Number, class Convert>
  void turn(const float* frames, std::int64_t heard, Number* to, Convert convert, Number filling) const {
    const std::int64_t all = steps(), written = std::min(heard, all), rows = bins();
    for (std::int64_t row = 0; row < rows; ++row) {
      Number* line = to + (rows - 1 - row) * all;
      for (std::int64_t step = 0; step < written; ++step) line[step] = convert(frames[step * rows + row]);
      std::fill(line + written, line + all, filling);
    }
  }

  float finish(float value, float whole) const {
    if (!config_.mean && !config_.stddev) return value;
    return static_cast<float>((value / whole - config_.mean.value_or(0)) / config_.stddev.value_or(1));
  }

  static void write_number(std::int64_t number, std::byte* to) {
    const auto word = static_cast<std::int32_t>(number);
    if (to != nullptr) std::memcpy(to, &word, sizeof word);
  }

  static constexpr std::int64_t kLongestFrame = 1 << 20;

  Config config_;
  SoundAugmentation augmentation_;
  std::int64_t most_samples_ = 0, frame_ = 1, stride_ = 1;
  std::optional<Spectrum> spectrum_;  // none for samples
  std::unique_ptr<Noise> noise_;
};

const ExtractorOnShelf<Audio> registered("audio", "a sound: its samples, or what is heard in it by time and frequency");

}  // namespace
}  // namespace aeon
