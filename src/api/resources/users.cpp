#include "api/resources/users.h"

namespace api {

using base::Code;

const Operation<CreateUser, User> create_user{
    {.name = "create_user",
     .method = Method::post,
     .path = "/api/v2/users",
     .permission = Permission::manager,
     .summary = "Add a user to your tenant (administrators: to any)",
     .command = "user add",
     .done = "user {name} added to {tenants}",
     .errors = {Code::conflict, Code::permission_denied, Code::over_allotment},
     .example = R"({"name": "ada", "tenants": ["vision"]})",
     .creates = true}};

const Operation<PageRequest, Page<User>> list_users{{.name = "list_users",
                                                     .method = Method::get,
                                                     .path = "/api/v2/users",
                                                     .permission = Permission::manager,
                                                     .summary = "List the users of your tenant (administrators: all)",
                                                     .command = "user ls"}};

const Operation<UserRef, User> get_user{{.name = "get_user",
                                         .method = Method::get,
                                         .path = "/api/v2/users/{user}",
                                         .permission = Permission::manager,
                                         .summary = "Show a user",
                                         .command = "user show"}};

const Operation<UserRef, Nothing> delete_user{{.name = "delete_user",
                                               .method = Method::del,
                                               .path = "/api/v2/users/{user}",
                                               .permission = Permission::manager,
                                               .summary = "Remove a user and revoke all of the user's tokens",
                                               .command = "user rm",
                                               .done = "user {user} removed",
                                               .errors = {Code::conflict}}};

const Operation<CreateToken, Token> create_token{
    {.name = "create_token",
     .method = Method::post,
     .path = "/api/v2/tokens",
     .permission = Permission::signed_in,
     .summary = "Make a token for yourself (administrators: for anybody); it is shown once",
     .command = "token add",
     .done = "token {id} of {user}[ for tenant {tenant}], shown this once: {token}",
     .errors = {Code::permission_denied, Code::over_allotment, Code::too_many, Code::unavailable},
     .example = R"({"user": "ada", "tenant": "vision"})",
     .creates = true,
     .secrets = {"password"}}};

const Operation<PageRequest, Page<Token>> list_tokens{
    {.name = "list_tokens",
     .method = Method::get,
     .path = "/api/v2/tokens",
     .permission = Permission::signed_in,
     .summary = "List your tokens (administrators: all), without their secrets",
     .command = "token ls"}};

const Operation<RevokeToken, Nothing> revoke_token{
    {.name = "revoke_token",
     .method = Method::del,
     .path = "/api/v2/tokens/{token}",
     .permission = Permission::signed_in,
     .summary = "Revoke a token and those it made: calls are refused and streams end at once",
     .command = "token revoke",
     .done = "token {token} revoked",
     .errors = {Code::conflict}}};

const Operation<Nothing, Caller> get_caller{{.name = "get_caller",
                                             .method = Method::get,
                                             .path = "/api/v2/me",
                                             .permission = Permission::signed_in,
                                             .summary = "Show who you are to the server",
                                             .command = "whoami"}};

const Operation<LogIn, Token> log_in{{.name = "log_in",
                                      .method = Method::post,
                                      .path = "/api/v2/session",
                                      .permission = Permission::anyone,
                                      .summary = "Open a session with user name and password; its token is shown once",
                                      .command = "login",
                                      .done = "{user} is logged in until {expires_at}",
                                      .errors = {Code::unauthenticated, Code::too_many, Code::unavailable},
                                      .example = R"({"user": "ada", "password": "correct horse battery staple"})",
                                      .secrets = {"password"}}};

const Operation<Nothing, Nothing> log_out{{.name = "log_out",
                                           .method = Method::del,
                                           .path = "/api/v2/session",
                                           .permission = Permission::signed_in,
                                           .summary = "End the session: its token, and what that made, are revoked",
                                           .command = "logout",
                                           .done = "logged out",
                                           .errors = {Code::conflict}}};

const Operation<SetPassword, NewPassword> set_password{
    {.name = "set_password",
     .method = Method::put,
     .path = "/api/v2/users/{user}/password",
     .permission = Permission::signed_in,
     .summary =
         "Set your password (managers: of their tenant's users), and end the sessions opened with the one before",
     .command = "passwd",
     .done = "{user} has a new password[, shown this once: {password}]",
     .errors = {Code::conflict, Code::unauthenticated, Code::too_many, Code::unavailable},
     .example = R"({"password": "correct horse battery staple", "current": "before it was this"})",
     .secrets = {"password", "current"}}};

}  // namespace api
