#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/later.h"
#include "api/operation.h"

namespace api {

/// The caller's Idempotency-Key and what it stands for.
struct Once {
  std::string key;
  std::string fingerprint;  ///< of operation and request
};

/// Everything about a call that is not in its request struct.
struct Call {
  Identity identity;
  std::string request_id;
  std::string address;       ///< of the client
  std::string if_match;      ///< of a PATCH; empty when not sent
  std::optional<Once> once;  ///< of operations that create: their handler keeps the answer under it
  std::string_view body;     ///< of operations that take bytes; holds during the call
};

/// A stream of events that a handler gives back. Threads: read() from one at a time; the wake function may be called
/// from any.
class EventFeed {
 public:
  struct Event {
    std::int64_t id = 0;  ///< rises by the reader's rules; a client that reconnects gives the last one it saw
    std::string data;     ///< one line of JSON
  };

  virtual ~EventFeed() = default;

  /// Up to `limit` events after `after`; none when there is nothing new. Never waits.
  virtual std::vector<Event> read(std::int64_t after, std::size_t limit) = 0;

  /// No event will come after those that read() can give now.
  virtual bool ended() = 0;

  /// `wake` is to be called whenever read() or ended() may have changed; nullptr takes it back (and, once it returns,
  /// the old one is never called again).
  virtual void on_change(std::function<void()> wake) = 0;
};

/// What a handler answered, before it is put on a wire.
struct Answer {
  base::json::value json;
  std::optional<Bytes> bytes;
  std::unique_ptr<EventFeed> events;
  std::int64_t events_after = 0;
  bool created = true;                 ///< of operations that create: false when it was only a question
  std::optional<Later<Answer>> later;  ///< when set, all the above comes with it
};

/// The ETag of a single resource: a hash of its JSON without the passing fields, then, if there are such, one of the
/// whole. If-None-Match compares both parts and If-Match the first alone.
std::string etag_of(const base::json::value& resource, std::span<const std::string_view> passing = {});

/// Errors: precondition_failed when the call has an If-Match that `current` (the resource as a GET would show it) does not
/// fulfil. For handlers of PATCH.
void check_if_match(const Call& call, const base::json::value& current, std::span<const std::string_view> passing = {});
template <base::Described T>
void check_if_match(const Call& call, const T& current) {
  check_if_match(call, base::encode(current), passing_of<T>());
}

/// Errors: permission_denied, saying who may, unless the caller may call the operation.
void require_permission(const OperationInfo& operation, const Identity& caller);

/// Connects operations with what they do. The wire (api/http) and tests call it; handlers see values only.
/// Threads: handle() before serving; call() from any number of threads.
class Router {
 public:
  using Handler = std::function<Answer(const Call&, const base::json::value& request)>;

  /// Handler: Response(const Call&, const Request&), or unique_ptr<EventFeed>(...) for streams of events, or, when the
  /// answer comes from elsewhere and a thread should not wait for it, Later<Response>(...) (not of operations that
  /// create).
  template <class Op, class Function>
  void handle(const Op& operation, Function function) {
    handlers_[operation.name] = [function](const Call& call, const base::json::value& json) {
      const auto request = base::decode<typename Op::Request>(json);
      Answer answer;
      if constexpr (std::is_same_v<typename Op::Response, Bytes>) {
        answer.bytes = function(call, request);
      } else if constexpr (requires { answer.events = function(call, request); }) {
        answer.events = function(call, request);
        if constexpr (requires { request.after; }) answer.events_after = request.after;
      } else if constexpr (is_later<decltype(function(call, request))>) {
        answer.later = function(call, request).map([](typename Op::Response response) {
          return Answer{.json = base::encode<typename Op::Response>(response)};
        });
      } else {
        answer.json = base::encode<typename Op::Response>(function(call, request));
      }
      if constexpr (requires { request.dry_run; }) answer.created = !request.dry_run;
      return answer;
    };
  }

  /// Everything that call() does goes through this: it gets the handler, with the check of the caller's permission
  /// before it, and calls it. Before serving.
  using Around = std::function<Answer(const OperationInfo&, const Call&, const base::json::value& request,
                                      const std::function<Answer()>& handler)>;
  void go_through(Around around) { around_ = std::move(around); }

  /// Runs an operation's handler. Errors: permission_denied unless the caller may; whatever the handler throws;
  /// internal when nothing handles it.
  Answer call(const OperationInfo& operation, const Call& call, const base::json::value& request) const;

  /// Operations without a handler, by name: must be empty in a daemon.
  std::vector<std::string_view> unhandled() const;

 private:
  std::map<std::string_view, Handler> handlers_;
  Around around_;
};

/// The operation for a method and a path, and the values of its path's parameters; nullptr when there is none.
/// `allowed` gets the methods that the path does have.
const OperationInfo* match(Method method, std::string_view path, std::map<std::string, std::string>& parameters,
                           std::vector<Method>& allowed);

/// The request value from its three carriers. Text of query and path becomes what the request's schema says: numbers,
/// booleans, lists of repeated names. `body` is absent when there was none. Errors: invalid_argument.
base::json::value join_request(const OperationInfo& operation, const std::map<std::string, std::string>& path,
                               const std::vector<std::pair<std::string, std::string>>& query,
                               const std::optional<base::json::value>& body);

}  // namespace api
