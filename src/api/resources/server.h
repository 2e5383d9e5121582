#pragma once
#include "api/operation.h"

namespace api {

/// What anybody may know of the server.
struct ServerInfo {
  std::string name = "ncloud";
  std::string version;
  std::string api = "v2";
  static constexpr auto fields() {
    return std::tuple(base::field("name", &ServerInfo::name, "of the product"),
                      base::field("version", &ServerInfo::version, "of the server"),
                      base::field("api", &ServerInfo::api, "version of this contract"));
  }
};

extern const Operation<Nothing, ServerInfo> get_info;

}  // namespace api
