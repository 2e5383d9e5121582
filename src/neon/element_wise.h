#pragma once
#include "neon/booking.h"

namespace neon {

/// Emits diff_dst · f'(y), the derivative being a function of the output y = f(x). In y's layout; in place where
/// possible.
Value through_derivative(Booking& booking, const ElementWise& function, const Value& y, const Value& diff_dst,
                         const std::string& name);

/// f and f' in double, for the oracles.
double reference_value(const ElementWise& function, double x);
double reference_derivative(const ElementWise& function, double y);

}  // namespace neon
