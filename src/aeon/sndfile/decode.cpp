// The only place with libsndfile.
#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "aeon/extract/sound.h"
#include "base/error.h"
#include "tensor/vectorized.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

constexpr std::int64_t kLowestRate = 1'000, kHighestRate = 768'000, kMostChannels = 64;
// A conversion looks ahead and begins before: so many samples more decide the last one that is wanted.
constexpr std::int64_t kMargin = 4'096;
constexpr std::int64_t kBlockFrames = 4'096;
constexpr std::int64_t kWithoutAsking = 1'000'000;  // samples

/// Bytes in memory as libsndfile reads a file.
struct MemoryFile {
  std::string_view bytes;
  sf_count_t at = 0;

  static MemoryFile& of(void* self) { return *static_cast<MemoryFile*>(self); }
  static sf_count_t size(void* self) { return static_cast<sf_count_t>(of(self).bytes.size()); }
  static sf_count_t seek(sf_count_t offset, int whence, void* self) {
    MemoryFile& file = of(self);
    const sf_count_t origin = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file.at : size(self);
    const sf_count_t to = origin + offset;
    if (to < 0 || to > size(self)) return -1;
    return file.at = to;
  }
  static sf_count_t read(void* to, sf_count_t count, void* self) {
    MemoryFile& file = of(self);
    const sf_count_t some = std::clamp<sf_count_t>(size(self) - file.at, 0, count);
    std::memcpy(to, file.bytes.data() + file.at, static_cast<std::size_t>(some));
    file.at += some;
    return some;
  }
  static sf_count_t write(const void*, sf_count_t, void*) { return 0; }
  static sf_count_t tell(void* self) { return of(self).at; }
};

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};

using OpenFile = std::unique_ptr<SNDFILE, Close>;

OpenFile open(MemoryFile& source, SF_INFO& info) {
  SF_VIRTUAL_IO io{MemoryFile::size, MemoryFile::seek, MemoryFile::read, MemoryFile::write, MemoryFile::tell};
  return OpenFile(sf_open_virtual(&io, SFM_READ, &info, &source));
}

// Of `file`, or of the opening that failed.
std::string_view reason(SNDFILE* file) {
  std::string_view why = sf_strerror(file);
  while (why.ends_with('.') || why.ends_with('\n')) why.remove_suffix(1);
  return why;
}

std::vector<float> mean_of_channels(SNDFILE* file, std::size_t channels, std::int64_t most) {
  std::vector<float> block(static_cast<std::size_t>(kBlockFrames) * channels), samples;
  for (std::int64_t left = most; left > 0;) {
    const sf_count_t got = sf_readf_float(file, block.data(), std::min(kBlockFrames, left));
    if (got <= 0) break;
    left -= got;
    const std::size_t before = samples.size();
    samples.resize(before + static_cast<std::size_t>(got));
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
      float sum = 0;
      for (std::size_t channel = 0; channel < channels; ++channel) sum += block[i * channels + channel];
      samples[before + i] = sum / static_cast<float>(channels);
    }
  }
  return samples;
}

NCLOUD_VECTORIZED bool all_finite(const float* samples, std::size_t count) {
  bool finite = true;
  for (std::size_t i = 0; i < count; ++i) finite &= __builtin_fabsf(samples[i]) <= std::numeric_limits<float>::max();
  return finite;
}

NCLOUD_VECTORIZED void round_to_16_bits(const float* samples, std::size_t count, std::int16_t* to) {
  for (std::size_t i = 0; i < count; ++i) {
    float value = samples[i] * 32768.0f;
    value = value < -32768.0f ? -32768.0f : value > 32767.0f ? 32767.0f : value;
    to[i] = static_cast<std::int16_t>(__builtin_rintf(value));
  }
}

}  // namespace

bool is_sound(std::string_view bytes) {
  MemoryFile source{bytes};
  SF_INFO info{};
  return open(source, info) != nullptr;
}

void decode_sound(std::string_view bytes, const SoundTarget& target, SharedMemory* memory,
                  std::vector<std::int16_t>& decoded) {
  if (bytes.empty()) throw Error(Code::invalid_argument, "a sound of 0 bytes");
  MemoryFile source{bytes};
  SF_INFO info{};
  const OpenFile file = open(source, info);
  if (file == nullptr)
    throw Error(Code::invalid_argument, fmt::format("not a sound that can be read: {}", reason(nullptr)));
  if (info.channels < 1 || info.channels > kMostChannels || info.samplerate < kLowestRate ||
      info.samplerate > kHighestRate)
    throw Error(Code::invalid_argument,
                fmt::format("a sound of {} channels at {} Hz; the limits are {} channels and {} to {} Hz",
                            info.channels, info.samplerate, kMostChannels, kLowestRate, kHighestRate));

  const bool converts = info.samplerate != target.sample_rate;
  std::int64_t wanted = target.most_samples;
  if (converts) wanted = wanted * info.samplerate / target.sample_rate + kMargin;
  // What a header says is no reason to take memory, but it is one not to.
  if (info.frames > 0) wanted = std::min<std::int64_t>(wanted, info.frames);

  SharedMemory::Lease lease;
  if (memory != nullptr && wanted > kWithoutAsking)
    lease = memory->take(wanted * static_cast<std::int64_t>(sizeof(float)) * (converts ? 3 : 1));
  std::vector<float> samples = mean_of_channels(file.get(), static_cast<std::size_t>(info.channels), wanted);
  if (sf_error(file.get()) != SF_ERR_NO_ERROR)
    throw Error(Code::invalid_argument, fmt::format("a sound that breaks off: {}", reason(file.get())));
  if (samples.empty()) throw Error(Code::invalid_argument, "a sound without samples");
  if (!all_finite(samples.data(), samples.size()))
    throw Error(Code::invalid_argument, "a sound with samples that are no numbers");
  if (converts) resample(samples, info.samplerate, target.sample_rate);
  samples.resize(std::min(samples.size(), static_cast<std::size_t>(target.most_samples)));
  decoded.resize(samples.size());
  round_to_16_bits(samples.data(), samples.size(), decoded.data());
}

}  // namespace aeon
