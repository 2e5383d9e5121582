#pragma once
#include <string_view>

#include "base/json.h"

namespace neon {

/// What a plain (unquoted) scalar means: null, a boolean, a number or a string. As PyYAML's safe_load reads YAML 1.1,
/// except that 1e-3 is a number and that what YAML 1.1 and 1.2 read differently (010, 1_000, 1:30) stays a string.
/// Errors: invalid_argument for numbers that no 64-bit number holds and for .inf and .nan.
base::json::value plain_scalar(std::string_view text);

}  // namespace neon
