#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/operation.h"
#include "api/resources/datasets.h"
#include "api/resources/history.h"
#include "api/resources/members.h"
#include "api/resources/models.h"
#include "api/resources/queue.h"
#include "api/resources/server.h"
#include "api/resources/tenants.h"
#include "api/resources/users.h"
#include "api/resources/volumes.h"

namespace api {

struct ClientOptions {
  int connect_timeout_ms = 3000;
  int answer_timeout_ms = 600000;  ///< of a whole request; streams of events have none
  int tries = 4;                   ///< of requests that may be repeated: unreachable server, 503
  int pause_ms = 100;              ///< before the second try; doubles each time
  std::string tenant = {};         ///< in which all is done; empty: the token's, or the user's first
};

/// Calls a server's operations by its contract. Connections are kept and used again. Errors come out as the base::Error
/// that the server's handler threw; unavailable when nothing listens. Operations that create carry an Idempotency-Key,
/// so that repeating them is safe. Threads: one at a time; take one client a thread (they are cheap).
class Client {
 public:
  Client(std::string base_url, std::string token, ClientOptions options = {});
  ~Client();
  Client(Client&&) noexcept;

  template <class Op>
  auto call(const Op& operation, const typename Op::Request& request, std::string_view body = {}) {
    if constexpr (std::is_same_v<typename Op::Response, Bytes>) {
      return call_for_bytes(operation, base::encode(request), body);
    } else {
      return base::decode<typename Op::Response>(call_json(operation, base::encode(request), body));
    }
  }

  /// Calls `on_event(event, id)` for each event until the stream ends (true), `on_event` returns false, or `stop` does
  /// (false). A broken connection is made again from the last event seen; a server that stays away longer than some ten
  /// seconds is an error.
  template <class Op, class OnEvent>
  bool follow(const Op& operation, const typename Op::Request& request, OnEvent&& on_event,
              const std::function<bool()>& stop = {}) {
    return follow_json(
        operation, base::encode(request),
        [&](const base::json::value& event, std::int64_t id) {
          return on_event(base::decode<event_type<Op>>(event), id);
        },
        stop);
  }

  /// The same without types. `request` holds the operation's fields by name; null optionals are left out.
  base::json::value call_json(const OperationInfo& operation, const base::json::value& request,
                              std::string_view body = {});
  Bytes call_for_bytes(const OperationInfo& operation, const base::json::value& request, std::string_view body = {});
  using OnEvent = std::function<bool(const base::json::value& event, std::int64_t id)>;
  bool follow_json(const OperationInfo& operation, const base::json::value& request, const OnEvent& on_event,
                   const std::function<bool()>& stop = {});

  const std::string& base_url() const;

  /// Makes calls that run give up soon with Error interrupted. Threads: any; also from a signal handler.
  static void interrupt();

 private:
  template <class Event>
  static Event event_of(EventsOf<Event>*);
  template <class Op>
  using event_type = decltype(event_of(static_cast<typename Op::Response*>(nullptr)));

  struct State;
  std::unique_ptr<State> state_;
};

/// The request line's target and the JSON body that carry a request's fields.
struct Carriers {
  std::string target;
  base::json::object body;
  bool has_json_body = false;
};
Carriers split_request(const OperationInfo& operation, const base::json::value& request);

}  // namespace api
