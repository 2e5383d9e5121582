#pragma once
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace aeon {

/// Sounds that are mixed into others. Threads: any number at once.
class Noise {
 public:
  /// `index_file` names one sound a line; those that are relative begin at `root`, which may be empty. Nothing is read
  /// before it is needed: predictions and evaluations need none of it.
  Noise(std::string index_file, std::string root, std::int64_t sample_rate)
      : index_file_(std::move(index_file)), root_(std::move(root)), sample_rate_(sample_rate) {}

  /// samples += level · noise, within 16 bits. Which sound: number `index` modulo how many there are, begun at `begin`
  /// (0 to 1) of its length and repeated as often as needed.
  /// Errors: not_found or invalid_argument naming the file; too_large over kMostSamples together.
  void mix(std::uint32_t index, double level, double begin, std::span<std::int16_t> samples);

  static constexpr std::int64_t kMostSamples = 200'000'000;

 private:
  void read_all();

  std::string index_file_, root_;
  std::int64_t sample_rate_;
  std::mutex mutex_;
  bool read_ = false;
  std::vector<std::vector<std::int16_t>> sounds_;  // unchanging once read
};

}  // namespace aeon
