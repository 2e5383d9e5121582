#include "apps/ncloud/command.h"
#include "apps/ncloud/terminal.h"

namespace ncloud {
namespace {

struct Configure {
  bool token_stdin = false;
  bool list = false;
  bool replace = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("token_stdin", &Configure::token_stdin, "read the token from standard input, for scripts"),
        base::field("list", &Configure::list, "show what is configured"),
        base::field("replace", &Configure::replace, "put this token in the place of another user's"));
  }
};

int list_profiles(Session& session, const Settings& settings) {
  base::json::array rows;
  for (const auto& [name, profile] : settings.profiles)
    rows.push_back(base::json::object{{"profile", name},
                                      {"host", profile.host},
                                      {"user", profile.user},
                                      {"token", profile.token.empty() ? "none" : "stored"}});
  session.show(rows);
  if (rows.empty()) session.note("nothing is configured yet; run: ncloud configure");
  return 0;
}

/// Keeps a person from losing a token that is stored nowhere else.
void check_replacement(const Configure& options, const std::string& name, const Profile& before, const Profile& now) {
  const bool same_owner = before.user == now.user && normal_host(before.host) == now.host;
  if (options.replace || before.token.empty() || before.token == now.token || same_owner) return;
  const std::string what = fmt::format("profile '{}' holds the token of {} at {}", name,
                                       before.user.empty() ? "a user" : before.user, before.host);
  if (!options.token_stdin) {
    const std::string answer = ask(fmt::format("{}; replace it by that of {} at {}? [y/N]", what, now.user, now.host));
    if (answer == "y" || answer == "Y" || answer == "yes") return;
  }
  throw base::Error(
      base::Code::conflict,
      fmt::format("{}; keep both: ncloud configure --profile {}, or replace it: ncloud configure --replace", what,
                  now.user));
}

int configure(Session& session, const Configure& options) {
  Settings settings = read_settings();
  if (options.list) return list_profiles(session, settings);
  const std::string name = profile_name(session.overrides());
  Profile profile = settings.profiles[name];
  if (session.overrides().host) {
    profile.host = *session.overrides().host;
  } else if (!options.token_stdin) {
    const std::string answer = ask(fmt::format("host [{}]", profile.host));
    if (!answer.empty()) profile.host = answer;
  }
  profile.host = normal_host(profile.host);
  if (options.token_stdin) {
    profile.token = line_of_input();
  } else {
    const std::string answer =
        ask_secret(profile.token.empty() ? "token (not shown)" : "token (not shown; empty: keep)");
    if (!answer.empty()) profile.token = answer;
  }
  if (profile.token.empty())
    throw base::Error(base::Code::invalid_argument,
                      "no token given; ncloudd prints an administrator's token at its first start");
  const api::Caller caller = api::Client(profile.host, profile.token).call(api::get_caller, {});
  profile.user = caller.user;
  check_replacement(options, name, settings.profiles[name], profile);
  settings.profiles[name] = profile;
  write_settings(settings);
  session.note(fmt::format("you are {}{}{} at {}; written to {}", caller.user,
                           caller.tenant.empty() ? "" : " of tenant " + caller.tenant,
                           caller.admin ? " (administrator)" : "", profile.host, settings_file().string()));
  return 0;
}

const Shelved shelved(command("configure", "Set the server and the token, and check them", configure));

}  // namespace
}  // namespace ncloud
