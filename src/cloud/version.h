#pragma once
#include <string_view>

namespace cloud {

inline constexpr std::string_view kVersion = NCLOUD_VERSION;

}  // namespace cloud
