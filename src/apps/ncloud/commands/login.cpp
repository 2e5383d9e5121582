#include "apps/ncloud/command.h"
#include "apps/ncloud/terminal.h"

namespace ncloud {
namespace {

struct LogIn {
  std::optional<std::string> user;
  bool password_stdin = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("user", &LogIn::user, "name; as before, else asked for, when left out").positional(),
        base::field("password_stdin", &LogIn::password_stdin, "read the password from standard input, for scripts"));
  }
};

int log_in(Session& session, const LogIn& options, const base::json::object& declared) {
  Settings settings = read_settings();
  Profile& profile = settings.profiles[profile_name(session.overrides())];
  if (session.overrides().host) profile.host = *session.overrides().host;
  profile.host = normal_host(profile.host);
  std::string user = options.user.value_or(profile.user);
  if (user.empty()) user = ask("user");
  base::json::object request = declared;
  request["user"] = user;
  request["password"] =
      options.password_stdin ? line_of_input() : ask_secret(fmt::format("password of {} at {}", user, profile.host));
  api::Client client(profile.host, "");
  const auto token = base::decode<api::Token>(client.call_json(api::log_in, request));
  profile.token = *token.token;
  profile.user = token.user;
  if (session.overrides().tenant) profile.tenant = *session.overrides().tenant;
  // What is stored must work: also the tenant it names.
  const api::Caller caller =
      api::Client(profile.host, profile.token, {.tenant = profile.tenant}).call(api::get_caller, {});
  write_settings(settings);
  session.note(fmt::format("you are {}{}{} at {} until {}; written to {}", caller.user,
                           caller.tenant.empty() ? "" : " of tenant " + caller.tenant,
                           caller.admin ? " (administrator)" : "", profile.host, *token.expires_at,
                           settings_file().string()));
  return 0;
}

struct LogOut {
  static constexpr auto fields() { return std::tuple(); }
};

int log_out(Session& session, const LogOut&) {
  Settings settings = read_settings();
  const std::string name = profile_name(session.overrides());
  const auto found = settings.profiles.find(name);
  if (found == settings.profiles.end() || found->second.token.empty())
    throw base::Error(base::Code::unauthenticated,
                      fmt::format("profile '{}' holds no token; nothing to log out", name));
  const bool over = [&] {
    try {
      session.client().call(api::log_out, {});
      return false;
    } catch (const base::Error& error) {
      if (error.code != base::Code::unauthenticated) throw;
      return true;  // it had ended by itself
    }
  }();
  found->second.token.clear();
  write_settings(settings);
  session.note(fmt::format("{} {} at {}", found->second.user, over ? "was not logged in any more" : "is logged out",
                           found->second.host));
  return 0;
}

struct Passwd {
  std::optional<std::string> user;
  bool generate = false;
  bool password_stdin = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("user", &Passwd::user, "whose; your own when left out").positional(),
        base::field("generate", &Passwd::generate, "let the server make one, and show it this once"),
        base::field(
            "password_stdin", &Passwd::password_stdin,
            "read from standard input, for scripts: the new one in the first line; for yourself the current one "
            "in the second"));
  }
};

std::string asked_twice() {
  const std::string password = ask_secret("new password (not shown)");
  if (ask_secret("the same again") != password)
    throw base::Error(base::Code::invalid_argument, "the two differ; nothing is changed");
  return password;
}

int passwd(Session& session, const Passwd& options) {
  const api::Caller caller = session.client().call(api::get_caller, {});
  api::SetPassword request{.user = options.user.value_or(caller.user)};
  const bool own = request.user == caller.user;
  if (options.password_stdin) {
    if (!options.generate) request.password = line_of_input();
    if (own) request.current = line_of_input();
  } else {
    if (own) request.current = ask_secret("current password (empty: there is none yet)");
    if (!options.generate) request.password = asked_twice();
  }
  const api::NewPassword made = session.client().call(api::set_password, request);
  session.did(made.password ? fmt::format("{} has a new password, shown this once: {}", made.user, *made.password)
                            : fmt::format("{} has a new password", made.user),
              made);
  return 0;
}

const Shelved shelved_log_in(command("login", "Log in with user name and password, for some hours", log_in, api::log_in,
                                     {"user", "password"}));
const Shelved shelved_log_out(command("logout", "End what login began, here and on the server", log_out));
const Shelved shelved_passwd(command("passwd", "Set your password, or that of a user you look after", passwd));

}  // namespace
}  // namespace ncloud
