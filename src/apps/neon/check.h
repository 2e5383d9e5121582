#pragma once
#include "apps/neon/options.h"

/// Decodes every record of a manifest and tells each fault on standard error. Returns the exit code.
int check_data(const Options& options);
