#pragma once
#include "apps/neon/options.h"

/// Trains or profiles a model file at the terminal. Returns the exit code. Errors: base::Error.
int run_stand_alone(const Options& options);
