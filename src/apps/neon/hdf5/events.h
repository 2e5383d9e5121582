#pragma once
#include <filesystem>
#include <memory>

#include "neon/trainer.h"

/// Writes a training as neon's callbacks do: an HDF5 file in the layout of docs/formats/training-events.md. What is
/// there already goes. Whole after each epoch and at the end; a file that was cut off in between has the epochs before.
/// Errors: those of creating the file, at once; internal where writing fails.
std::unique_ptr<neon::TrainingEvents> hdf5_events(const std::filesystem::path& file);
