#pragma once
#include <string>
#include <string_view>

namespace base {

/// Base64 (RFC 4648 §4), with padding.
std::string to_base64(std::string_view bytes);

/// Back. Padding may be left out. Errors: invalid_argument for anything else that is no canonical base64.
std::string from_base64(std::string_view text);

}  // namespace base
