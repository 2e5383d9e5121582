#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/router.h"

namespace api {

/// What a request says about its caller.
struct Credentials {
  std::string token;
  std::string tenant;  ///< id or name; empty: the token's, or the first of its user's
};

/// Finds out who calls. Runs on a worker thread and may block. Errors: unauthenticated; not_found for a tenant that is
/// none of the caller's; permission_denied for one that the token is not for.
using Authenticate = std::function<Identity(const Credentials& credentials)>;

/// Answers of operations that create something, kept by the caller's Idempotency-Key, so that a repeated request gets
/// the first one's answer. Handlers write them (Call::once) together with what they create, so that nothing can come
/// between; the server compares fingerprints and keeps two requests with one key from running at once. Threads: any.
class IdempotencyStore {
 public:
  struct Kept {
    std::string fingerprint;  ///< of operation and request
    base::json::value answer;
  };
  virtual ~IdempotencyStore() = default;
  virtual std::optional<Kept> lookup(const Identity& identity, std::string_view key) = 0;
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8642;
  int io_threads = 1;
  int worker_threads = 8;
  std::vector<std::string> allowed_hosts;
  std::string private_folder;
  int max_connections = 4096;
  int requests_per_tenant = 1024;
  int streams_per_tenant = 256;
  std::int64_t body_memory_bytes = std::int64_t{512} << 20;
  int header_timeout_ms = 10000;
  int body_timeout_ms = 30000;
  int idle_timeout_ms = 75000;
  int write_timeout_ms = 30000;
  int heartbeat_ms = 15000;
  static constexpr auto fields() {
    return std::tuple(
        base::field("host", &ServerOptions::host, "address to listen at"),
        base::field("port", &ServerOptions::port, "port to listen at; 0: any free one"),
        base::field("io_threads", &ServerOptions::io_threads, "threads that move bytes").range(1, 64),
        base::field("worker_threads", &ServerOptions::worker_threads, "threads that handlers run on").range(1, 1024),
        base::field("allowed_hosts", &ServerOptions::allowed_hosts,
                    "further names that requests may use for this server"),
        base::field("private_folder", &ServerOptions::private_folder,
                    "an absolute path; errors whose text has it are told to the log only"),
        base::field("max_connections", &ServerOptions::max_connections,
                    "open connections at most, less when the system allows this process fewer files; when there are so "
                    "many, the one that has waited longest for its client goes")
            .range(1, 1000000),
        base::field("requests_per_tenant", &ServerOptions::requests_per_tenant,
                    "requests of one tenant that are worked on at one time, at most half of the connections")
            .positive(),
        base::field("streams_per_tenant", &ServerOptions::streams_per_tenant,
                    "streams of events of one tenant at one time, at most a quarter of the connections")
            .positive(),
        base::field("body_memory_bytes", &ServerOptions::body_memory_bytes,
                    "memory for all request bodies that are held at one time")
            .positive(),
        base::field("header_timeout_ms", &ServerOptions::header_timeout_ms,
                    "from a request's first byte to the end of its headers")
            .positive(),
        base::field("body_timeout_ms", &ServerOptions::body_timeout_ms, "between two pieces of a body").positive(),
        base::field("idle_timeout_ms", &ServerOptions::idle_timeout_ms, "between two requests of a connection")
            .positive(),
        base::field("write_timeout_ms", &ServerOptions::write_timeout_ms,
                    "between two pieces that a client takes of an answer")
            .positive(),
        base::field("heartbeat_ms", &ServerOptions::heartbeat_ms,
                    "between signs of life (and checks of the token) in a stream of events")
            .positive());
  }
};

/// What a plain route answers.
struct PlainAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string content;
};

/// Where a plain route's answer is made.
enum class PlainCost {
  nothing,   ///< at once: it says whether the server lives, also when every worker thread is taken
  may_wait,  ///< on a worker thread, as operations are
};

/// Carries a Router over HTTP/1.1. It checks hosts, origins, tokens, permissions and limits before a handler runs, runs
/// handlers on worker threads, and answers errors as problem details. `GET /api/v2/openapi.json` describes the
/// contract.
class Server {
 public:
  /// Listens at once, and raises this process's limit of open files to what the system allows. Errors: unavailable when
  /// the address is taken ("is another ncloudd running?"), invalid_argument for an address that is none of this
  /// machine's.
  Server(const Router& router, Authenticate authenticate, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;

  /// A route beside the contract, GET and HEAD only, such as "/healthz". One that not anyone may read is made on a
  /// worker thread. Before run().
  void plain_route(std::string path, std::function<PlainAnswer()> answer, PlainCost cost = PlainCost::nothing,
                   Permission permission = Permission::anyone);

  /// `store` must outlive the server; without one, keys are refused. Before run().
  void keep_answers_in(IdempotencyStore& store);

  /// Ends the streams and downloads of those whose tokens are valid no more. Threads: any.
  void check_tokens();

  std::uint16_t port() const;
  std::string url() const;  ///< "http://127.0.0.1:8642"

  /// Serves until stop(). Requests that handlers work on get up to 10 s to end; streams of events end at once.
  void run();

  /// Threads: any. Not from a signal handler.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace api
