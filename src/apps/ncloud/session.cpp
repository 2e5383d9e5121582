#include "apps/ncloud/session.h"

#include <cstdio>

#include "apps/ncloud/terminal.h"
#include "base/log.h"

namespace ncloud {
namespace {

constexpr int kWaitForDaemonMs = 2000;

}  // namespace

const Target& Session::target() const {
  if (!target_) target_ = std::make_unique<Target>(find_target(overrides_, kWaitForDaemonMs));
  return *target_;
}

api::Client Session::new_client() const {
  return api::Client(target().host, target().token, {.tenant = target().tenant});
}

api::Client Session::quick_client() const {
  const Target target = find_target(overrides_);  // without waiting for a daemon
  return api::Client(target.host, target.token,
                     {.connect_timeout_ms = 500, .answer_timeout_ms = 1000, .tries = 1, .tenant = target.tenant});
}

api::Client& Session::client() {
  if (!client_) client_ = std::make_unique<api::Client>(new_client());
  return *client_;
}

void Session::show(const base::json::value& answer, const std::vector<std::string>& columns) const {
  print(render(answer, format_, output_width(), columns));
}

void Session::did(std::string_view line, const base::json::value& answer) const {
  if (format_ == Format::table)
    print(base::printable(line) + "\n");
  else
    show(answer);
}

std::string Session::command(std::string_view words) const {
  std::string line = "ncloud";
  if (overrides_.profile) line += " --profile " + shell_word(*overrides_.profile);
  if (overrides_.host) line += " --host " + shell_word(*overrides_.host);
  if (overrides_.tenant) line += " --tenant " + shell_word(*overrides_.tenant);
  return fmt::format("{} {}", line, words);
}

void Session::print(std::string_view text) const {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    if (errno == EPIPE) throw OutputClosed();
    throw base::system_error("cannot write to standard output", errno);
  }
}

void Session::note(std::string_view text) const { tell(base::printable(text)); }

}  // namespace ncloud
