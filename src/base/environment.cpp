#include "base/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace base {
namespace {

constexpr EnvironmentVariable kVariables[] = {
    {"NCLOUD_DATA_DIR", "ncloudd, ncloud",
     "folder of everything that the daemon keeps, where the client of the same user finds it; an absolute path"},
    {"NCLOUD_LOG", "ncloudd, ncloud, neon", "the least that is logged: debug, info (when not set), warning or error"},
    {"NCLOUD_HOST", "ncloud", "address of the server, such as https://cloud.example.org; --host goes before it"},
    {"NCLOUD_TOKEN", "ncloud", "token, instead of the configured one"},
    {"NCLOUD_PROFILE", "ncloud", "which of the configured servers; --profile goes before it"},
    {"NCLOUD_TENANT", "ncloud", "which of your tenants; --tenant goes before it"},
    {"NCLOUD_PROXY", "ncloud", "proxy for http addresses too; empty: none at all"},
    {"http_proxy", "ncloud", "not followed, because a proxy could read the token; a note says so"},
    {"all_proxy", "ncloud", "followed for https addresses only"},
    {"ALL_PROXY", "ncloud", "followed for https addresses only"},
    {"SSL_CERT_FILE", "ncloud", "file with the certificates of the authorities to trust for https"},
    {"NO_COLOR", "ncloud", "no colours when it is not empty (https://no-color.org)"},
    {"TERM", "ncloud", "no colours when it is `dumb`"},
    {"XDG_CONFIG_HOME", "ncloud", "folder of `ncloud/config.json`; `~/.config` when not set"},
    {"XDG_DATA_HOME", "ncloudd, ncloud", "folder of `ncloud`, where $NCLOUD_DATA_DIR is not set; `~/.local/share`"},
    {"HOME", "ncloudd, ncloud", "where the folders above start when they are not set"},
    {"XDG_RUNTIME_DIR", "ncloudd", "of a login session: its systemd is asked for a group to limit jobs in"},
    {"GOMP_SPINCOUNT", "neon",
     "how long threads spin at a barrier; 10000 when neither this nor OMP_WAIT_POLICY is set"},
    {"OMP_WAIT_POLICY", "neon", "how threads wait at a barrier (OpenMP)"},
};

}  // namespace

std::span<const EnvironmentVariable> environment_variables() { return kVariables; }

const char* environment(std::string_view name) {
  const auto variable = std::ranges::find(kVariables, name, &EnvironmentVariable::name);
  if (variable == std::end(kVariables))
    throw Error(Code::internal, fmt::format("${} is read and not declared; add it to base/environment.cpp", name));
  return std::getenv(std::string(variable->name).c_str());
}

}  // namespace base
