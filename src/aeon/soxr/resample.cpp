// The only place with the SoX resampler.
#include <fmt/format.h>
#include <soxr.h>

#include <cmath>

#include "aeon/extract/sound.h"
#include "base/error.h"

namespace aeon {

void resample(std::vector<float>& samples, std::int64_t from, std::int64_t to) {
  const auto from_rate = static_cast<double>(from), to_rate = static_cast<double>(to);
  std::vector<float> converted(
      static_cast<std::size_t>(std::ceil(static_cast<double>(samples.size()) * to_rate / from_rate)));
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  std::size_t made = 0;
  const soxr_error_t error = soxr_oneshot(from_rate, to_rate, 1, samples.data(), samples.size(), nullptr,
                                          converted.data(), converted.size(), &made, nullptr, &quality, nullptr);
  if (error != nullptr)
    throw base::Error(base::Code::internal,
                      fmt::format("converting a sound from {} to {} Hz failed: {}", from, to, error));
  converted.resize(made);
  samples.swap(converted);
}

}  // namespace aeon
