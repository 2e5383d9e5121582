#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/http/request_parser.h"
#include "api/http/server.h"
#include "api/http/shares.h"
#include "base/allowances.h"

namespace api {

/// An answer before it is put on the wire.
struct HttpAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content;
  std::optional<OpenFile> file;       ///< when set, its bytes instead of content
  std::unique_ptr<EventFeed> events;  ///< when set, a stream follows instead of content
  std::int64_t events_after = 0;
  std::optional<Later<Answer>> later;  ///< when set, the answer is what finish() makes of its outcome
};

struct PlainRoute {
  std::function<PlainAnswer()> answer;
  PlainCost cost;
  Permission permission;
};

/// What a connection does behind an answer.
enum class Persistence {
  keep,      ///< goes on, as HTTP/1.1 does by itself
  say_keep,  ///< goes on, and says so: HTTP/1.0 waits for the end otherwise
  close,     ///< ends
};

/// What is known of a request after its head: where it goes.
struct Destination {
  const OperationInfo* operation = nullptr;
  std::map<std::string, std::string> path_parameters;
  std::vector<std::pair<std::string, std::string>> query;
  const PlainRoute* plain = nullptr;
  Permission permission = Permission::anyone;
  std::optional<HttpAnswer> ready;  ///< the answer to OPTIONS
  std::string request_id;
  Credentials credentials;
  std::string address;  ///< of the client
  std::size_t body_limit_bytes = 0;
  Shares::Share request_share;
  Shares::Share stream_share;
};

/// From a request to its answer, without any wire: hosts, origins, routes, tokens, permissions, idempotency, errors.
/// Threads: any, after the routes are added.
class Service {
 public:
  Service(const Router& router, Authenticate authenticate, const ServerOptions& options);

  void plain_route(std::string path, PlainRoute route) { plain_routes_[std::move(path)] = std::move(route); }
  void keep_answers_in(IdempotencyStore& store) { store_ = &store; }

  std::string request_id(const RequestHead& head);

  /// Never waits. Errors: StatusError 400, 401 (no token), 403, 404, 405, 413, 421.
  Destination destination(const RequestHead& head) const;

  /// Who calls. May wait. Errors: unauthenticated (StatusError 429 after too many).
  Identity identify(const Destination& to) const;

  /// The same, if the caller may do this. Errors: also permission_denied.
  Identity admit(const Destination& to) const;

  /// Counts the request as one of its tenant's until `to` ends. Errors: StatusError 429.
  void take_shares(Destination& to, const Identity& identity);

  /// Runs the handler. May wait. Never throws: errors are answers.
  HttpAnswer answer(const RequestHead& head, Destination& to, const Identity* admitted, std::string_view body);

  /// The answer to a request whose handler gave a Later. Never waits, never throws.
  HttpAnswer finish(const RequestHead& head, const Destination& to, Later<Answer>::Outcome outcome) const;

  /// What clients get to know of an error; the log gets all of what they do not.
  HttpAnswer problem(const base::Error& error, std::string_view request_id) const;
  HttpAnswer problem(const std::exception& error, std::string_view request_id) const;

  /// Bookkeeping of the memory that bodies take; no user (by id) may hold more than half of it. False when there is no
  /// room for `bytes` more.
  bool reserve(std::int64_t user, std::int64_t bytes);
  void release(std::int64_t user, std::int64_t bytes);
  bool has_room(std::int64_t user, std::int64_t bytes);

 private:
  void check_host(const RequestHead& head) const;
  void check_origin(const RequestHead& head) const;
  bool is_private(const base::Error& error) const;
  bool has_room_held(std::int64_t user, std::int64_t bytes) const;
  HttpAnswer run(const RequestHead& head, Destination& to, const Identity* admitted, std::string_view body);
  HttpAnswer written(const RequestHead& head, const Destination& to, Answer result) const;
  Identity known(const Destination& to) const;
  Answer run_once(const Destination& to, Call& call, const base::json::value& request, std::string_view key);

  const Router& router_;
  Authenticate authenticate_;
  std::set<std::string, std::less<>> hosts_;
  Shares requests_{"requests in work", "wait for one of them to end"};
  Shares streams_{"streams of events open", "close one, or ask for what is there now with follow=false"};
  bool loopback_only_ = true;
  const std::string private_folder_;
  std::int64_t body_memory_bytes_;
  std::mutex reserved_mutex_;
  std::int64_t reserved_ = 0;
  std::map<std::int64_t, std::int64_t> reserved_by_;  // users that hold some
  std::map<std::string, PlainRoute, std::less<>> plain_routes_;
  IdempotencyStore* store_ = nullptr;
  mutable base::Allowances wrong_tokens_{50, 10};  // of each address
  std::mutex running_mutex_;
  std::set<std::string> running_keys_;
  std::string request_prefix_;
  std::atomic<std::uint64_t> request_count_ = 0;
};

/// The head of an answer as it goes over the wire. `content_bytes` absent: the answer ends with the connection.
std::string answer_head(const HttpAnswer& answer, std::optional<std::size_t> content_bytes, Persistence persistence);

}  // namespace api
