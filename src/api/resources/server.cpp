#include "api/resources/server.h"

namespace api {

const Operation<Nothing, ServerInfo> get_info{{.name = "get_info",
                                               .method = Method::get,
                                               .path = "/api/v2/info",
                                               .permission = Permission::anyone,
                                               .summary = "Show the server's version",
                                               .command = "info"}};

}  // namespace api
