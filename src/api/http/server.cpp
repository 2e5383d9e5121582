#include "api/http/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "api/http/connection.h"
#include "api/http/url.h"
#include "api/openapi.h"
#include "base/caught.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"

namespace api {

namespace asio = boost::asio;

namespace {

constexpr auto kStopPatience = std::chrono::seconds(10);

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
};

base::Fd listen_at(const ServerOptions& options) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  AddressList found;
  const std::string port = std::to_string(options.port);
  if (const int failed = ::getaddrinfo(options.host.c_str(), port.c_str(), &hints, &found.first); failed != 0)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("cannot listen at '{}': {}", options.host, ::gai_strerror(failed)));
  const addrinfo& address = *found.first;
  base::Fd socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) throw base::system_error("cannot make a socket", errno);
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), address.ai_addr, address.ai_addrlen) != 0 || ::listen(socket.get(), 1024) != 0) {
    const int error = errno;
    if (error == EADDRINUSE)
      throw base::Error(base::Code::unavailable,
                        fmt::format("{}:{} is taken: is another ncloudd running? stop it, or choose another port",
                                    options.host, options.port));
    if (error == EADDRNOTAVAIL)
      throw base::Error(base::Code::invalid_argument, fmt::format("'{}' is no address of this machine", options.host));
    throw base::system_error(fmt::format("cannot listen at {}:{}", options.host, options.port), error);
  }
  return socket;
}

/// Open files that this process may have, after asking for as many as it may ask for.
std::int64_t raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  if (limit.rlim_cur != limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  return static_cast<std::int64_t>(std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<int>::max()));
}

/// Connections must leave files for everything else: jobs that could not be given pipes would fail for good, while a
/// client that is refused comes back.
int connections_within(std::int64_t file_limit, int wanted) {
  constexpr std::int64_t kOtherFiles = 256;
  return static_cast<int>(std::min<std::int64_t>(wanted, std::max(file_limit - kOtherFiles, file_limit / 4)));
}

ServerOptions within_file_limit(ServerOptions options) {
  options.max_connections = connections_within(raise_file_limit(), options.max_connections);
  return options;
}

std::uint16_t port_of(const base::Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

/// "127.0.0.1", "::1"; an IPv4 address also where it came over IPv6.
std::string address_of(const sockaddr_storage& peer) {
  char text[INET6_ADDRSTRLEN] = {};
  if (peer.ss_family == AF_INET6) {
    const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address))
      ::inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof text);
    else
      ::inet_ntop(AF_INET6, &address, text, sizeof text);
  } else {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, text, sizeof text);
  }
  return text;
}

bool listens_at_loopback(const base::Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  if (address.ss_family == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<sockaddr_in6&>(address).sin6_addr);
  return (ntohl(reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr) >> 24) == 127;
}

}  // namespace

/// The order of members is the order of life: workers end first, then the I/O threads' coroutines, which refer to the
/// rest.
struct Server::State {
  ServerOptions options;
  Service service;
  base::Fd listening;
  std::uint16_t port = 0;
  std::vector<std::unique_ptr<IoThread>> io;
  std::optional<asio::posix::stream_descriptor> acceptor;
  std::atomic<bool> stop_asked = false;
  std::chrono::milliseconds tick{1000};
  std::unique_ptr<Workers> workers;

  State(const Router& router, Authenticate authenticate, ServerOptions given)
      : options(within_file_limit(std::move(given))),
        service(router, std::move(authenticate), options),
        listening(listen_at(options)),
        port(port_of(listening)) {
    const int shortest = std::min({options.header_timeout_ms, options.body_timeout_ms, options.idle_timeout_ms,
                                   options.write_timeout_ms, options.heartbeat_ms});
    tick = std::chrono::milliseconds(std::clamp(shortest / 4, 10, 1000));
    for (int i = 0; i < options.io_threads; ++i) io.push_back(std::make_unique<IoThread>());
    workers = std::make_unique<Workers>(options.worker_threads);
  }

  Task<void> serve_one(std::shared_ptr<Connection> connection) { co_await connection->serve(); }

  /// A connection from `address` for a thread, which this runs on. When there are too many, one that waits makes room.
  void adopt(IoThread& thread, base::Fd socket, std::string address) {
    if (thread.stopping) return;
    const std::size_t limit = static_cast<std::size_t>(options.max_connections) / io.size();
    // A proxy on this machine speaks for everybody.
    const std::size_t limit_of_address = is_loopback_name(address) ? limit : std::max<std::size_t>(1, limit / 2);
    if (!thread.make_room(address, std::max<std::size_t>(1, limit), limit_of_address)) {
      constexpr std::string_view kFull =
          "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";
      [[maybe_unused]] const auto sent = ::send(socket.get(), kFull.data(), kFull.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      return;
    }
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto connection =
        std::make_shared<Connection>(thread, service, *workers, options, socket.release(), std::move(address));
    asio::co_spawn(thread.context, serve_one(std::move(connection)), [](std::exception_ptr failure) {
      if (failure) base::log_error("a connection ended by a fault: {}", base::caught(failure).message);
    });
  }

  Task<void> accept() {
    std::size_t turn = 0;
    while (!io[0]->stopping) {
      boost::system::error_code error;
      co_await acceptor->async_wait(asio::posix::descriptor_base::wait_read,
                                    asio::redirect_error(asio::use_awaitable, error));
      if (error || io[0]->stopping) co_return;
      sockaddr_storage peer{};
      socklen_t peer_size = sizeof peer;
      base::Fd socket(::accept4(acceptor->native_handle(), reinterpret_cast<sockaddr*>(&peer), &peer_size,
                                SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          base::log_warning("cannot accept a connection: {}", std::strerror(errno));
          asio::steady_timer pause(io[0]->context, std::chrono::milliseconds(100));
          co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        }
        continue;
      }
      IoThread& thread = *io[turn++ % io.size()];
      if (&thread == io[0].get())
        adopt(thread, std::move(socket), address_of(peer));
      else
        asio::post(thread.context, [this, &thread, socket = std::make_shared<base::Fd>(std::move(socket)),
                                    address = address_of(peer)] { adopt(thread, std::move(*socket), address); });
    }
  }

  /// Deadlines of all connections of a thread. Coarse, and so free of cost for each request.
  Task<void> sweep(IoThread& thread) {
    std::chrono::steady_clock::time_point give_up{};
    while (!thread.stopping || thread.size() + thread.leaving.size() > 0) {
      thread.tick.expires_after(thread.stopping ? std::chrono::milliseconds(10) : tick);
      boost::system::error_code error;
      co_await thread.tick.async_wait(asio::redirect_error(asio::use_awaitable, error));
      const std::int64_t now = base::steady_now_us();
      thread.for_each([&](Connection& connection) {
        connection.sweep(now);
        if (thread.stopping) connection.stop();
      });
      if (stop_asked && !thread.stopping) stop_thread(thread);
      if (thread.stopping && give_up == std::chrono::steady_clock::time_point{})
        give_up = std::chrono::steady_clock::now() + kStopPatience;
      if (thread.stopping && std::chrono::steady_clock::now() > give_up) {
        base::log_warning("{} requests did not end in time; leaving them", thread.size());
        thread.context.stop();
        co_return;
      }
    }
    thread.context.stop();
  }

  void stop_thread(IoThread& thread) {
    if (thread.stopping) return;
    thread.stopping = true;
    thread.tick.cancel();
    thread.for_each([](Connection& connection) { connection.stop(); });
    if (&thread == io[0].get()) {
      boost::system::error_code ignored;
      acceptor->close(ignored);
    }
  }

  void run_thread(IoThread& thread) {
    const auto guard = asio::make_work_guard(thread.context);
    asio::co_spawn(thread.context, sweep(thread), asio::detached);
    thread.context.run();
  }
};

Server::Server(const Router& router, Authenticate authenticate, ServerOptions options)
    : state_(std::make_unique<State>(router, std::move(authenticate), std::move(options))) {
  plain_route("/api/v2/openapi.json", [text = base::to_text(openapi("2"), 1)] {
    return PlainAnswer{.content_type = "application/json", .content = text};
  });
}

Server::~Server() = default;

void Server::plain_route(std::string path, std::function<PlainAnswer()> answer, PlainCost cost, Permission permission) {
  if (permission != Permission::anyone) cost = PlainCost::may_wait;
  state_->service.plain_route(std::move(path), {std::move(answer), cost, permission});
}

void Server::keep_answers_in(IdempotencyStore& store) { state_->service.keep_answers_in(store); }

void Server::check_tokens() {
  for (const auto& thread : state_->io)
    asio::post(thread->context, [&thread = *thread] {
      for (Connection* connection : thread.working) connection->check_token();
    });
}

std::uint16_t Server::port() const { return state_->port; }

std::string Server::url() const {
  const std::string& host = state_->options.host;
  return fmt::format("http://{}:{}", host.find(':') == std::string::npos ? host : fmt::format("[{}]", host),
                     state_->port);
}

void Server::run() {
  State& state = *state_;
  if (!listens_at_loopback(state.listening))
    base::log_warning(
        "{} can be reached from other machines, and tokens travel unencrypted: put a TLS proxy before it, or listen at "
        "127.0.0.1",
        url());
  state.acceptor.emplace(state.io[0]->context, state.listening.release());
  asio::co_spawn(state.io[0]->context, state.accept(), asio::detached);
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < state.io.size(); ++i)
    threads.emplace_back([&state, i] { state.run_thread(*state.io[i]); });
  state.run_thread(*state.io[0]);
  for (std::thread& thread : threads) thread.join();
  state.workers->stop();
}

void Server::stop() {
  state_->stop_asked = true;
  for (const auto& thread : state_->io)
    asio::post(thread->context, [this, &thread = *thread] { state_->stop_thread(thread); });
}

}  // namespace api
