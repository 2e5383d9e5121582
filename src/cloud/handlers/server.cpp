#include "api/resources/server.h"

#include "base/error.h"
#include "base/version.h"
#include "cloud/handlers/handlers.h"
#include "cloud/names.h"

namespace cloud {

std::int64_t number_in_page_token(std::string_view token, std::int64_t first) {
  if (token.empty()) return first;
  const auto number = id_in(token);
  if (!number)
    throw base::Error(base::Code::invalid_argument,
                      "page_token is not one that this list gave; leave it out to begin anew", "/page_token");
  return *number;
}

void handle_server(api::Router& router, const Protection& protection) {
  router.handle(api::get_info, [protection](const api::Call&, const api::Nothing&) {
    return api::ServerInfo{.version = base::kVersion,
                           .sandbox = protection.sandbox,
                           .limits_by = protection.limits_by,
                           .limits_missing = protection.missing};
  });
}

}  // namespace cloud
