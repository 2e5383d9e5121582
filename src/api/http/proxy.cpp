#include "api/http/proxy.h"

#include <cstdlib>

#include "api/http/url.h"
#include "api/http/words.h"

#include "base/environment.h"

namespace api {

Route route_to(std::string_view url) {
  const auto scheme_end = url.find("://");
  const bool secure = lower_case(url.substr(0, scheme_end)) == "https";
  std::string_view authority = url.substr(scheme_end == std::string_view::npos ? 0 : scheme_end + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  Route route;
  if (is_loopback_name(host_name(authority))) {
    route.proxy = "";
  } else if (const char* own = base::environment("NCLOUD_PROXY"); own != nullptr) {
    route.proxy = own;
  } else if (!secure) {
    route.proxy = "";
    for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"})
      if (const char* value = base::environment(name); value != nullptr && *value != 0 && route.unused_variable.empty())
        route.unused_variable = name;
  }
  return route;
}

}  // namespace api
