#pragma once
#include "neon/lowering/lowering.h"
#include "neon/transform.h"

namespace neon {

/// Emits y = f(x), in place where possible.
Value through_function(Lowering& lowering, const std::shared_ptr<const Transform>& function, const Value& x,
                       const std::string& name);

/// Emits diff_dst·f', where `at` are the outputs of f, or its inputs if it derives from those. In the layout of `at`;
/// in place where possible.
Value through_derivative(Lowering& lowering, const Following& following, const Value& at, const Value& diff_dst,
                         const std::string& name);

}  // namespace neon
