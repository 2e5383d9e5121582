// The type audio: each feature against its formula in plain double loops.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>

#include "aeon/extract/extract_for_test.h"
#include "aeon/extract/sound.h"
#include "aeon/extract/spectrum.h"
#include "aeon/sndfile/write_for_test.h"

namespace aeon {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Samples = std::vector<std::int16_t>;
using Numbers = std::vector<double>;
constexpr double kPi = std::numbers::pi;

/// Two tones and something that is no tone.
Samples tones(std::size_t count) {
  Samples samples;
  for (std::size_t i = 0; i < count; ++i) {
    const auto t = static_cast<double>(i) / 16'000;
    samples.push_back(static_cast<std::int16_t>(8000 * std::sin(2 * kPi * 440 * t) +
                                                3000 * std::sin(2 * kPi * 2500 * t + 1) +
                                                static_cast<double>((i * 7919) % 501) - 250));
  }
  return samples;
}

/// |DFT| of a frame, by its definition.
Numbers magnitudes(const Samples& samples, std::size_t begin, std::size_t n, auto window) {
  Numbers result;
  for (std::size_t k = 0; k <= n / 2; ++k) {
    double re = 0, im = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double x = samples[begin + i] * window(static_cast<double>(i), static_cast<double>(n));
      const double angle = -2 * kPi * static_cast<double>(k * i % n) / static_cast<double>(n);
      re += x * std::cos(angle), im += x * std::sin(angle);
    }
    result.push_back(std::hypot(re, im));
  }
  return result;
}

Numbers mel_energies(const Numbers& spectrum, std::size_t n, std::size_t filters, double rate) {
  std::vector<std::int64_t> bins;
  const double highest = 2595 * std::log10(1 + rate / 2 / 700);
  for (std::size_t i = 0; i < filters + 2; ++i) {
    const double f =
        700 * (std::pow(10, highest * static_cast<double>(i) / static_cast<double>(filters + 1) / 2595) - 1);
    bins.push_back(static_cast<std::int64_t>(std::floor(static_cast<double>(1 + n) * f / rate)));
  }
  Numbers result;
  for (std::size_t j = 0; j < filters; ++j) {
    double sum = 0;
    for (std::size_t i = 0; i < spectrum.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const double power = spectrum[i] * spectrum[i] / (2 * static_cast<double>(spectrum.size() - 1));
      if (at >= bins[j] && at < bins[j + 1])
        sum += power * static_cast<double>(at - bins[j]) / static_cast<double>(bins[j + 1] - bins[j]);
      else if (at >= bins[j + 1] && at < bins[j + 2])
        sum += power * static_cast<double>(bins[j + 2] - at) / static_cast<double>(bins[j + 2] - bins[j + 1]);
    }
    result.push_back(std::log(std::max(sum, 1e-10)));
  }
  return result;
}

Numbers cosine_transform(Numbers values, std::size_t count) {
  if (values.size() % 2 != 0) values.push_back(0);
  const auto n = static_cast<double>(values.size());
  Numbers result;
  for (std::size_t k = 0; k < count; ++k) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      sum += values[i] * std::cos(kPi * static_cast<double>(k) * (2 * static_cast<double>(i) + 1) / (2 * n));
    result.push_back(sum * std::sqrt((k == 0 ? 1 : 2) / n));
  }
  return result;
}

/// What the tensor `audio` holds for frames (steps, bins) of a clip.
Numbers laid_out(const std::vector<Numbers>& frames, std::size_t steps) {
  double least = frames[0][0], greatest = least;
  for (const Numbers& frame : frames)
    for (const double value : frame) least = std::min(least, value), greatest = std::max(greatest, value);
  Numbers result;
  for (std::size_t row = frames[0].size(); row-- > 0;)
    for (std::size_t step = 0; step < steps; ++step)
      result.push_back(step < frames.size() ? (frames[step][row] - least) / (greatest - least) * 255 : 0);
  return result;
}

double hann(double i, double n) { return 0.5 - 0.5 * std::cos(2 * kPi * i / (n - 1)); }
double hamming(double i, double n) { return 0.54 - 0.46 * std::cos(2 * kPi * i / (n - 1)); }
double blackman(double i, double n) {
  return 0.42 - 0.5 * std::cos(2 * kPi * i / (n - 1)) + 0.08 * std::cos(4 * kPi * i / (n - 1));
}
double bartlett(double i, double n) { return 1 - 2 * std::abs(i - n / 2) / n; }
double none(double, double) { return 1; }

void expect_near(const std::vector<float>& got, const Numbers& expected, double error) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], error) << "number " << i;
}

TEST(Audio, GivesMagnitudesUnderEachWindow) {
  const Samples samples = tones(1000);
  const std::pair<const char*, double (*)(double, double)> windows[] = {
      {"hann", hann}, {"hamming", hamming}, {"blackman", blackman}, {"bartlett", bartlett}, {"none", none}};
  for (const std::size_t n :
       {200, 202, 201, 3}) {  // a frame of an even number of samples is transformed as half as many
    for (const auto& [name, window] : windows) {
      SCOPED_TRACE(fmt::format("{} of {}", name, n));
      Extracted audio(fmt::format(R"({{"type": "audio", "max_duration": "1200 samples", "frame_length": "{} samples",
                                       "frame_stride": "100 samples", "window_type": "{}"}})",
                                  n, name));
      std::vector<Numbers> frames;
      for (std::size_t begin = 0; begin + n <= samples.size(); begin += 100)
        frames.push_back(magnitudes(samples, begin, n, window));
      const std::size_t steps = (1200 - n) / 100 + 1;
      EXPECT_EQ(audio.tensors()[0].column.shape,
                (tensor::Shape{1, static_cast<std::int64_t>(n / 2 + 1), static_cast<std::int64_t>(steps)}));
      expect_near(audio.read(sound_file(samples)).numbers<float>(), laid_out(frames, steps), 2e-3);
    }
  }
}

TEST(Audio, GivesTheLogarithmOfThePowerInMelFilters) {
  const Samples samples = tones(4000);
  for (const std::size_t filters : {20, 33}) {
    std::vector<Numbers> energies, cepstra;
    for (std::size_t begin = 0; begin + 400 <= samples.size(); begin += 160) {
      energies.push_back(mel_energies(magnitudes(samples, begin, 400, hamming), 400, filters, 16'000));
      cepstra.push_back(cosine_transform(energies.back(), 13));
    }
    const auto entry = [&](const char* feature) {
      return fmt::format(R"({{"type": "audio", "max_duration": "0.25 seconds", "frame_length": "25 milliseconds",
                              "frame_stride": "10 milliseconds", "window_type": "hamming", "feature_type": "{}",
                              "num_filters": {}, "num_cepstra": 13}})",
                         feature, filters);
    };
    expect_near(Extracted(entry("mfsc")).read(sound_file(samples)).numbers<float>(),
                laid_out(energies, energies.size()), 5e-3);
    expect_near(Extracted(entry("mfcc")).read(sound_file(samples)).numbers<float>(), laid_out(cepstra, cepstra.size()),
                5e-3);
  }
}

TEST(Audio, RoundsTo8BitsAndStandardises) {
  const std::string sound = sound_file(tones(800));
  const auto entry = [](const char* more) {
    return fmt::format(R"({{"type": "audio", "max_duration": "1000 samples", "frame_length": "100 samples",
                            "frame_stride": "100 samples"{}}})",
                       more);
  };
  const auto exact = Extracted(entry("")).read(sound).numbers<float>();
  const auto bytes = Extracted(entry(R"(, "output_type": "uint8_t")")).read(sound).numbers<std::uint8_t>();
  const auto standard = Extracted(entry(R"(, "mean": 0.25, "stddev": 0.5)")).read(sound).numbers<float>();
  for (std::size_t i = 0; i < exact.size(); ++i) {
    EXPECT_EQ(static_cast<float>(bytes[i]), std::nearbyint(exact[i]));
    EXPECT_FLOAT_EQ(standard[i], (exact[i] / 255 - 0.25f) / 0.5f);
  }
}

TEST(Audio, OfSilenceIsZero) {
  Extracted audio(R"({"type": "audio", "max_duration": "400 samples", "frame_length": "100 samples",
                      "frame_stride": "100 samples", "feature_type": "mfsc", "num_filters": 8})");
  EXPECT_THAT(audio.read(sound_file(Samples(400))).numbers<float>(), Each(0.0f));
}

TEST(Audio, SaysHowMuchIsNotFilling) {
  Extracted audio(R"({"type": "audio", "max_duration": "1000 samples", "frame_length": "100 samples",
                      "frame_stride": "50 samples", "emit_length": true, "emit_steps": true})");
  EXPECT_EQ(audio.tensors()[1].column.name, "audio_length");
  EXPECT_EQ(audio.tensors()[2].column.name, "audio_steps");
  for (const auto& [samples, length, steps] :
       {std::tuple{649, 649, 11}, {650, 650, 12}, {100, 100, 1}, {5000, 1000, 19}}) {
    audio.read(sound_file(tones(static_cast<std::size_t>(samples))));
    EXPECT_THAT(audio.numbers<std::int32_t>(1), ElementsAre(length));
    EXPECT_THAT(audio.numbers<std::int32_t>(2), ElementsAre(steps));
  }
}

Samples samples_of(std::string_view file, std::int64_t rate = 16'000, std::int64_t most = 100'000) {
  Samples samples;
  decode_sound(file, {rate, most}, nullptr, samples);
  return samples;
}

TEST(Audio, GivesSamplesAsTheyAreAndZerosBehindThem) {
  const Samples samples{0, 1, -1, 32767, -32768, 100};
  Extracted whole(R"({"type": "audio", "feature_type": "samples", "max_duration": "8 samples",
                      "output_type": "int16_t"})");
  EXPECT_EQ(whole.tensors()[0].column.shape, (tensor::Shape{1, 1, 8}));
  EXPECT_THAT(whole.read(sound_file(samples)).numbers<std::int32_t>(), ElementsAre(0, 1, -1, 32767, -32768, 100, 0, 0));
  Extracted cut(R"({"type": "audio", "feature_type": "samples", "max_duration": "5 samples", "stddev": 0.5})");
  EXPECT_THAT(cut.read(sound_file(samples)).numbers<float>(),
              ElementsAre(0, 2.0f / 32768, -2.0f / 32768, 2 * 32767.0f / 32768, -2));
}

TEST(Sound, IsReadFromEveryFormat) {
  const Samples samples = tones(3000);
  for (const int format :
       {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_WAV | SF_FORMAT_PCM_24, SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
        SF_FORMAT_AIFF | SF_FORMAT_PCM_16, SF_FORMAT_AU | SF_FORMAT_PCM_16, SF_FORMAT_WAV | SF_FORMAT_FLOAT})
    EXPECT_EQ(samples_of(sound_file(samples, {format})), samples) << fmt::format("format {:x}", format);
  for (const int format :
       {SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_OGG | SF_FORMAT_OPUS, SF_FORMAT_WAV | SF_FORMAT_ULAW}) {
    const Samples got = samples_of(sound_file(samples, {format}));
    ASSERT_EQ(got.size(), samples.size()) << fmt::format("format {:x}", format);
    double off = 0, all = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
      off += std::pow(got[i] - samples[i], 2), all += std::pow(samples[i], 2);
    EXPECT_LT(off / all, 0.05) << fmt::format("format {:x}", format);
  }
}

TEST(Sound, OfSeveralChannelsIsTheirMean) {
  EXPECT_THAT(
      samples_of(sound_file(Samples{10, 20, -4, 5, 32767, 32767}, {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16'000, 2})),
      ElementsAre(15, 0, 32767));  // 0.5 is rounded to the even neighbour
}

TEST(Sound, OfAnotherRateIsConverted) {
  for (const int rate : {8'000, 22'050, 44'100, 48'000}) {
    Samples samples;
    for (int i = 0; i < rate; ++i)
      samples.push_back(static_cast<std::int16_t>(10'000 * std::sin(2 * kPi * 1000 * i / rate)));
    const Samples got = samples_of(sound_file(samples, {SF_FORMAT_WAV | SF_FORMAT_PCM_16, rate}));
    ASSERT_NEAR(static_cast<double>(got.size()), 16'000, 2);
    for (std::size_t i = 400; i < 15'600; ++i)
      ASSERT_NEAR(got[i], 10'000 * std::sin(2 * kPi * 1000 * static_cast<double>(i) / 16'000), 12) << rate << " " << i;
    // Only as much is read as is needed, and it is the same.
    const Samples some = samples_of(sound_file(samples, {SF_FORMAT_WAV | SF_FORMAT_PCM_16, rate}), 16'000, 2'000);
    EXPECT_EQ(some, Samples(got.begin(), got.begin() + 2'000));
  }
}

// A damaged file is an error or a shorter sound, never more.
TEST(Sound, CutOrChangedAtEachByteIsRefusedOrRead) {
  for (const int format :
       {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_VORBIS}) {
    const std::string file = sound_file(tones(300), {format});
    const std::size_t step = file.size() > 2000 ? 7 : 1;
    for (std::size_t i = 0; i < file.size(); i += step) {
      std::string changed = file;
      changed[i] = static_cast<char>(changed[i] ^ 0x5A);
      for (const std::string& bytes : {file.substr(0, i), changed}) try {
          EXPECT_LE(samples_of(bytes, 16'000, 500).size(), 500U);
        } catch (const base::Error& error) {
          EXPECT_EQ(error.code, base::Code::invalid_argument) << error.message;
          EXPECT_THAT(error.message, HasSubstr("sound"));
        }
    }
  }
}

TEST(Sound, TakesMemoryForWhatIsThereOnly) {
  std::string file = sound_file(tones(100));
  file.replace(40, 4, "\xFF\xFF\xFF\x7F");  // the data's length
  SharedMemory memory(1 << 20);
  Samples samples;
  decode_sound(file, {16'000, 100'000'000}, &memory, samples);
  EXPECT_EQ(samples.size(), 100U);
}

// Time scaling: means of what falls together, and cubic interpolation, each for one column that is easily followed.
TEST(ScaleTime, IsTheMeanOfWhatFallsTogetherOrACubicBetween) {
  std::vector<float> scaled;
  scale_time({1, 3, 5, 7, 2, 4}, 1, 0.5, scaled);
  EXPECT_THAT(scaled, ElementsAre(2, 6, 3));
  scale_time({1, 10, 3, 20, 5, 30, 7, 40}, 2, 0.75, scaled);  // rows of 4/3: 1 + 1/3, 2/3 + 2/3, 1/3 + 1
  ASSERT_EQ(scaled.size(), 6U);
  EXPECT_NEAR(scaled[0], (1 + 3 / 3.0) / (4 / 3.0), 1e-5);
  EXPECT_NEAR(scaled[2], (3 * 2 / 3.0 + 5 * 2 / 3.0) / (4 / 3.0), 1e-5);
  EXPECT_NEAR(scaled[5], (30 / 3.0 + 40) / (4 / 3.0), 1e-5);
  // What PyTorch's bicubic interpolation and OpenCV's INTER_CUBIC give.
  const std::vector<float> longer{3.3472228f,  0.53125f,    -0.57754576f, 3.4733803f, 3.53125f,
                                  -0.3645829f, -5.4062490f, 1.4375f,      10.2152806f};
  scale_time({3, -1, 4, 1, -5, 9}, 1, 1.5, scaled);
  ASSERT_EQ(scaled.size(), longer.size());
  for (std::size_t i = 0; i < longer.size(); ++i) EXPECT_NEAR(scaled[i], longer[i], 1e-5) << i;
  scale_time({5}, 1, 0.01, scaled);
  EXPECT_THAT(scaled, ElementsAre(5));
}

/// An audio with the augmentation, and what a record becomes.
class Changed {
 public:
  Changed(const std::string& etl, const std::string& augmentation) {
    const std::string text = fmt::format(R"({{"etl": [{}], "augmentation": [{}]}})", etl, augmentation);
    config_ = base::decode<LoaderConfig>(base::parse_json(text, "config"), "");
    extraction_ = std::make_unique<Extraction>(config_);
  }
  std::vector<float> of(std::string_view file, const Draw& draw, std::int64_t* steps = nullptr) {
    std::vector<float> numbers(static_cast<std::size_t>(tensor::element_count(extraction_->inputs[0].shape)));
    std::int32_t count = 0;
    std::vector<std::byte*> to{reinterpret_cast<std::byte*>(numbers.data()), reinterpret_cast<std::byte*>(&count)};
    const Extractor& audio = *extraction_->columns[0].extractor;
    audio.decode(file, scratch_, decoded_);
    audio.write(decoded_.view(), draw, scratch_, to);
    if (steps != nullptr) *steps = count;
    return numbers;
  }

 private:
  LoaderConfig config_;
  std::unique_ptr<Extraction> extraction_;
  Decoded decoded_;
  Scratch scratch_;
};

TEST(Audio, IsMixedWithNoiseInTrainingOnly) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "noises";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "beat.wav", std::ios::binary) << sound_file(Samples{1000, 2000, 3000});
  std::ofstream(folder / "list.txt") << "beat.wav\r\n\n";
  const std::string etl = fmt::format(R"({{"type": "audio", "feature_type": "samples", "max_duration": "8 samples",
      "noise_index_file": "{0}/list.txt", "noise_root": "{0}"}})",
                                      folder.string());
  const std::string sound = sound_file(Samples{0, 0, 0, 0, 0, 32000, 32000, 32000});
  Changed noisy(etl, R"({"type": "audio", "add_noise_probability": 1, "noise_level": [1, 1]})");
  EXPECT_THAT(noisy.of(sound, Draw()), ElementsAre(0, 0, 0, 0, 0, 32000, 32000, 32000));
  bool begins[3] = {};
  for (std::int64_t record = 0; record < 20; ++record) {
    const std::vector<float> got = noisy.of(sound, Draw(1, 0, record));
    EXPECT_EQ(got, noisy.of(sound, Draw(1, 0, record)));
    const auto begin = static_cast<std::size_t>(got[0] / 1000) - 1;
    ASSERT_LT(begin, 3U);
    begins[begin] = true;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const float noise = 1000.0f * static_cast<float>((begin + i) % 3 + 1);
      EXPECT_EQ(got[i], i < 5 ? noise : std::min(32000 + noise, 32767.0f));
    }
  }
  EXPECT_THAT(begins, Each(true));

  Changed rarely(etl, R"({"type": "audio", "add_noise_probability": 0.25, "noise_level": [0.5, 0.5]})");
  int changed = 0;
  for (std::int64_t record = 0; record < 400; ++record) changed += rarely.of(sound, Draw(1, 0, record))[0] != 0 ? 1 : 0;
  EXPECT_NEAR(changed, 100, 30);

  std::ofstream(folder / "list.txt") << "none.wav\n";
  Changed missing(etl, R"({"type": "audio", "add_noise_probability": 1})");
  EXPECT_NO_THROW(missing.of(sound, Draw()));
  try {
    missing.of(sound, Draw(1, 0, 0));
    FAIL() << "a noise that is not there";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message, AllOf(HasSubstr("noise "), HasSubstr("none.wav")));
  }
}

TEST(Audio, IsScaledInTimeInTrainingOnly) {
  Changed scaled(R"({"type": "audio", "max_duration": "1600 samples", "frame_length": "100 samples",
                     "frame_stride": "100 samples", "emit_steps": true})",
                 R"({"type": "audio", "time_scale_fraction": [0.5, 0.5]})");
  const std::string sound = sound_file(tones(1200));
  std::int64_t steps = 0;
  scaled.of(sound, Draw(), &steps);
  EXPECT_EQ(steps, 12);
  const std::vector<float> shorter = scaled.of(sound, Draw(1, 2, 3), &steps);
  EXPECT_EQ(steps, 6);
  for (std::size_t row = 0; row < 51; ++row) EXPECT_EQ(shorter[row * 16 + 6], 0);
}

TEST(Audio, SaysWhatIsWrong) {
  const auto entry = [](const char* rest) { return fmt::format(R"({{"type": "audio", {}}})", rest); };
  const auto frames = [&](const char* rest) {
    return entry(fmt::format(R"("max_duration": "1 second", "frame_length": "25 milliseconds",
                                "frame_stride": "10 milliseconds"{})",
                             rest)
                     .c_str());
  };
  EXPECT_THAT(refusal(entry(R"("feature_type": "samples")")), HasSubstr("max_duration"));
  EXPECT_THAT(refusal(entry(R"("max_duration": "1 hour")")),
              AllOf(HasSubstr("/max_duration"), HasSubstr("'1 hour'"), HasSubstr("2 seconds")));
  for (const char* bad : {"seconds", "-1 seconds", "0 samples", "nan seconds", "1e300 samples", "2"})
    EXPECT_THAT(refusal(entry(fmt::format(R"("max_duration": "{}")", bad).c_str())),
                HasSubstr("/max_duration: expected"))
        << bad;
  EXPECT_THAT(refusal(entry(R"("max_duration": "1 second")")), HasSubstr("'frame_length' is missing"));
  EXPECT_THAT(refusal(frames(R"(, "frame_length": "2 seconds")")), HasSubstr("frame_length"));
  EXPECT_THAT(refusal(frames(R"(, "feature_type": "mfcc", "num_cepstra": 65)")),
              HasSubstr("num_cepstra 65 is more than num_filters 64"));
  EXPECT_THAT(refusal(frames(R"(, "output_type": "int16_t")")), HasSubstr("expected float or uint8_t"));
  EXPECT_THAT(refusal(frames(R"(, "mean": 1, "output_type": "uint8_t")")), HasSubstr("need output_type: float"));
  EXPECT_THAT(refusal(frames(""), "RIFF"), HasSubstr("not a sound that can be read"));
  EXPECT_THAT(refusal(frames(""), ""), HasSubstr("a sound of 0 bytes"));
  EXPECT_THAT(refusal(frames(""), sound_file(tones(399))),
              HasSubstr("the sound has 399 samples at 16000 Hz, and a frame 400"));
  EXPECT_THAT(refusal(frames(""), sound_file({})), HasSubstr("without samples"));

  const auto augmented = [&](const char* augmentation) -> std::string {
    try {
      Changed(frames(""), augmentation);
    } catch (const base::Error& error) {
      return error.where + ": " + error.message;
    }
    return "no error";
  };
  EXPECT_THAT(augmented(R"({"type": "audio", "add_noise_probability": 0.5})"), HasSubstr("needs noise_index_file"));
  EXPECT_THAT(augmented(R"({"type": "audio", "noise_level": [1, 0]})"), HasSubstr("/augmentation/0/noise_level"));
  EXPECT_THAT(augmented(R"({"type": "audio", "flip_enable": true})"), HasSubstr("flip_enable"));
  EXPECT_THAT(augmented(R"({"type": "audio"}, {"type": "image"}, {"type": "audio"})"),
              HasSubstr("/augmentation/2: a second augmentation of type 'audio'"));
}

}  // namespace
}  // namespace aeon
