#include "aeon/extract/noise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "aeon/extract/sound.h"
#include "base/error.h"
#include "base/files.h"

namespace aeon {

using base::Code;
using base::Error;

void Noise::mix(std::uint32_t index, double level, double begin, std::span<std::int16_t> samples) {
  {
    const std::lock_guard lock(mutex_);
    if (!read_) read_all();
    read_ = true;
  }
  const std::vector<std::int16_t>& noise = sounds_[index % sounds_.size()];
  std::size_t at = static_cast<std::size_t>(begin * static_cast<double>(noise.size())) % noise.size();
  for (std::int16_t& sample : samples) {
    const double mixed = std::nearbyint(sample + level * noise[at]);
    sample = static_cast<std::int16_t>(std::clamp(mixed, -32768.0, 32767.0));
    if (++at == noise.size()) at = 0;
  }
}

void Noise::read_all() {
  sounds_.clear();
  std::int64_t left = kMostSamples;
  const std::string list = base::read_file(index_file_);
  for (std::string_view rest = list; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    if (line.empty()) continue;
    const std::filesystem::path path = std::filesystem::path(root_) / line;
    try {
      decode_sound(base::read_file(path), {sample_rate_, left + 1}, nullptr, sounds_.emplace_back());
    } catch (Error& error) {
      error.message = fmt::format("noise {}: {}", path.string(), error.message);
      throw;
    }
    left -= static_cast<std::int64_t>(sounds_.back().size());
    if (left < 0)
      throw Error(Code::too_large,
                  fmt::format("the noises of {} have over {} million samples together; make them fewer", index_file_,
                              kMostSamples / 1'000'000));
  }
  if (sounds_.empty())
    throw Error(Code::invalid_argument, fmt::format("{} names no sound; it has one path a line", index_file_));
}

}  // namespace aeon
