#pragma once
#include "base/fields.h"

namespace neon {

/// A number in the state of a callback, with every bit: decimal readers may miss the last one.
base::json::value exact(double number);

/// Its number; also of a decimal one, as states of before have it. Errors: invalid_argument for anything else.
double exact_number(const base::json::value& value);

}  // namespace neon
