#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace api {

/// Text with %XX decoded and, in forms, '+' as a space. Errors: StatusError 400 for bad escapes, NUL and what is not
/// UTF-8.
std::string decode_percent(std::string_view text, bool form);

/// Text with everything but RFC 3986's unreserved characters as %XX.
std::string encode_percent(std::string_view text);

/// "a=1&b=x+y" as pairs.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

/// "localhost" of "LOCALHOST:8642", "::1" of "[::1]:8642"; empty when it is no host.
std::string host_name(std::string_view host_and_port);

bool is_loopback_name(std::string_view name);
bool is_ip_address(std::string_view name);

}  // namespace api
