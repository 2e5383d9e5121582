#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace api {

/// Reads server-sent events (WHATWG HTML 9.2.6) from text that comes in pieces.
class EventLines {
 public:
  struct Event {
    std::string id;    ///< of this or the last event that had one
    std::string name;  ///< "message" unless the server named it
    std::string data;
  };

  /// Calls `on_event` for each whole event; stops and returns false when it does. Errors: too_large for an event over
  /// 16 MiB.
  bool feed(std::string_view text, const std::function<bool(const Event&)>& on_event);

 private:
  bool take_line(std::string_view line, const std::function<bool(const Event&)>& on_event);

  std::string line_;
  Event event_;
  bool has_data_ = false;
};

}  // namespace api
