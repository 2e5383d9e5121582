#pragma once

namespace base {

/// Of all programs; the same as in CMakeLists.txt.
inline constexpr const char* kVersion = "0.1.0";

}  // namespace base
