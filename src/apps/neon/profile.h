#pragma once
#include <filesystem>

#include "job/check.h"

/// Measures whole steps (or, for inference, forward passes) of a network on random data. Prints a table and, last, one
/// line of JSON with images_per_s. Returns the exit code.
struct ProfileLength {
  double seconds = 2;
  std::int64_t iterations = 0;  ///< instead of seconds; 0: no number is asked for
  std::int64_t skipped = 5;     ///< runs before the first that is measured
};
int profile_network(const job::CheckedModel& model, int threads, const ProfileLength& length, bool inference);

/// Measures one epoch of the training loader. Prints one line of JSON with images_per_s.
int profile_loader(const job::CheckedModel& model, const std::filesystem::path& folder, int threads);
