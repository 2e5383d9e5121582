#include "apps/ncloud/session.h"

#include <cstdio>

#include "apps/ncloud/terminal.h"
#include "base/log.h"

namespace ncloud {

const Target& Session::target() const {
  if (!target_) target_ = std::make_unique<Target>(find_target(overrides_));
  return *target_;
}

api::Client Session::new_client() const { return api::Client(target().host, target().token); }

api::Client& Session::client() {
  if (!client_) client_ = std::make_unique<api::Client>(new_client());
  return *client_;
}

void Session::show(const base::json::value& answer) const { print(render(answer, format_, output_width())); }

void Session::print(std::string_view text) const {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    if (errno == EPIPE) throw OutputClosed();
    throw base::system_error("cannot write to standard output", errno);
  }
}

void Session::note(std::string_view text) const { tell(base::printable(text)); }

}  // namespace ncloud
