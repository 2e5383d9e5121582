#pragma once
#include "api/operation.h"

namespace api {

/// What anybody may know of the server.
struct ServerInfo {
  std::string name = "ncloud";
  std::string version;
  std::string api = "v2";
  bool sandbox = true;
  std::string limits_by;
  std::vector<std::string> limits_missing;
  static constexpr auto fields() {
    return std::tuple(base::field("name", &ServerInfo::name, "of the product"),
                      base::field("version", &ServerInfo::version, "of the server"),
                      base::field("api", &ServerInfo::api, "version of this contract"),
                      base::field("sandbox", &ServerInfo::sandbox, "whether jobs run in one"),
                      base::field("limits_by", &ServerInfo::limits_by, "what holds jobs to their limits"),
                      base::field("limits_missing", &ServerInfo::limits_missing,
                                  "what jobs are not limited in on this server; normally empty"));
  }
};

extern const Operation<Nothing, ServerInfo> get_info;

}  // namespace api
