#pragma once
#include "neon/spec.h"

namespace neon {

/// A model file that reads as this description.
std::string yaml_of(const ModelSpec& spec);

}  // namespace neon
