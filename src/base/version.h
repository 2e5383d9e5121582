#pragma once

namespace base {

/// Of all programs.
inline constexpr const char* kVersion = "0.1.0";

}  // namespace base
