#pragma once
// Sound files for tests.
#include <sndfile.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace aeon {

/// How it is written: libsndfile's formats, such as SF_FORMAT_WAV | SF_FORMAT_PCM_16.
struct SoundFile {
  int format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  int sample_rate = 16'000;
  int channels = 1;
};

/// A file of samples, those of all channels of one time together.
inline std::string sound_file(std::span<const std::int16_t> samples, const SoundFile& file = {}) {
  struct Memory {
    std::string bytes;
    std::size_t at = 0;
  } memory;
  SF_VIRTUAL_IO io{};
  io.get_filelen = [](void* self) { return static_cast<sf_count_t>(static_cast<Memory*>(self)->bytes.size()); };
  io.seek = [](sf_count_t offset, int whence, void* self) {
    auto& m = *static_cast<Memory*>(self);
    const auto origin = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m.at : m.bytes.size();
    m.at = static_cast<std::size_t>(static_cast<sf_count_t>(origin) + offset);
    return static_cast<sf_count_t>(m.at);
  };
  io.read = [](void* to, sf_count_t count, void* self) {
    auto& m = *static_cast<Memory*>(self);
    const std::size_t some = std::min(m.bytes.size() - std::min(m.at, m.bytes.size()), static_cast<std::size_t>(count));
    std::memcpy(to, m.bytes.data() + m.at, some);
    m.at += some;
    return static_cast<sf_count_t>(some);
  };
  io.write = [](const void* from, sf_count_t count, void* self) {
    auto& m = *static_cast<Memory*>(self);
    m.bytes.resize(std::max(m.bytes.size(), m.at + static_cast<std::size_t>(count)));
    std::memcpy(m.bytes.data() + m.at, from, static_cast<std::size_t>(count));
    m.at += static_cast<std::size_t>(count);
    return count;
  };
  io.tell = [](void* self) { return static_cast<sf_count_t>(static_cast<Memory*>(self)->at); };
  SF_INFO info{};
  info.format = file.format;
  info.samplerate = file.sample_rate;
  info.channels = file.channels;
  SNDFILE* opened = sf_open_virtual(&io, SFM_WRITE, &info, &memory);
  if (opened == nullptr) return {};
  sf_command(opened, SFC_SET_SCALE_INT_FLOAT_WRITE, nullptr, SF_TRUE);
  sf_write_short(opened, samples.data(), static_cast<sf_count_t>(samples.size()));
  sf_close(opened);
  return memory.bytes;
}

}  // namespace aeon
