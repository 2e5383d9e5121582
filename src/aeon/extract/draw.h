#pragma once
#include <cstdint>
#include <optional>

#include "base/random.h"

namespace aeon {

/// What is random about one record: a function of (seed, epoch, record), and the same for all its columns. Whoever asks
/// for the numbers of a purpose gets the same ones, so two images of a record, or an image and its mask, are cut and
/// mirrored alike.
class Draw {
 public:
  Draw() = default;  ///< nothing is random, as in evaluation
  Draw(std::uint64_t seed, std::int64_t epoch, std::int64_t record)
      : seed_(seed),
        epoch_(static_cast<std::uint64_t>(epoch)),
        record_(static_cast<std::uint64_t>(record)),
        random_(true) {}

  /// None in evaluation.
  std::optional<base::Random> numbers(std::uint64_t purpose) const {
    if (!random_) return {};
    return base::Random(seed_, base::stream_of(purpose, epoch_, record_));
  }

 private:
  std::uint64_t seed_ = 0, epoch_ = 0, record_ = 0;
  bool random_ = false;
};

}  // namespace aeon
