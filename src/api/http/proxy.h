#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace api {

/// How requests to an address travel.
struct Route {
  /// The proxy to use; empty for none; nothing where the usual variables (https_proxy, all_proxy, no_proxy) say it.
  std::optional<std::string> proxy;
  std::string unused_variable;  ///< name of a proxy variable that is set and not followed
};

/// Requests carry a token. To this machine they go directly, whatever variables say. To others, a proxy that was set up
/// for all programs gets those with https only, which it cannot read; $NCLOUD_PROXY names one for both ("": none).
Route route_to(std::string_view url);

}  // namespace api
