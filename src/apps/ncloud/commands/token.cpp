#include "apps/ncloud/command.h"
#include "apps/ncloud/terminal.h"

namespace ncloud {
namespace {

struct TokenAdd {
  bool lasting = false;
  static constexpr auto fields() {
    return std::tuple(base::field("lasting", &TokenAdd::lasting,
                                  "make it with your password, which is asked for: it may outlive your session"));
  }
};

int add(Session& session, const TokenAdd& options, const base::json::object& declared) {
  base::json::object request = declared;
  if (options.lasting) request["password"] = ask_secret("password");
  const base::json::value answer = session.client().call_json(api::create_token, request);
  session.did(filled(api::create_token.done, request, answer), answer);
  return 0;
}

const Shelved shelved(command("token add", std::string(api::create_token.summary), add, api::create_token,
                              {"password"}));

}  // namespace
}  // namespace ncloud
