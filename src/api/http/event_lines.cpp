#include "api/http/event_lines.h"

#include "base/error.h"

namespace api {

namespace {
constexpr std::size_t kEventLimitBytes = std::size_t{16} << 20;
}

bool EventLines::feed(std::string_view text, const std::function<bool(const Event&)>& on_event) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    line_ += text.substr(0, end);
    if (line_.size() + event_.data.size() > kEventLimitBytes)
      throw base::Error(base::Code::too_large, "the server sent an event of more than 16 MiB");
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    const std::string line = std::move(line_);
    line_.clear();
    if (!take_line(line, on_event)) return false;
  }
  return true;
}

bool EventLines::take_line(std::string_view line, const std::function<bool(const Event&)>& on_event) {
  if (line.empty()) {
    bool go_on = true;
    if (has_data_) {
      if (event_.name.empty()) event_.name = "message";
      go_on = on_event(event_);
    }
    event_.name.clear();
    event_.data.clear();
    has_data_ = false;
    return go_on;
  }
  const auto colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (field == "event") {
    event_.name = value;
  } else if (field == "id") {
    event_.id = value;
  }
  return true;
}

}  // namespace api
