#pragma once
// A server with small handlers, and a client that speaks raw bytes to it. For the tests of this folder.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <set>

#include "api/client.h"
#include "api/http/server.h"

namespace api {

/// Events that a test adds by hand.
class FakeLog {
 public:
  void add(std::string data) {
    const std::lock_guard lock(mutex_);
    events_.push_back({static_cast<std::int64_t>(events_.size() + 1), std::move(data)});
    wake();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wake();
  }
  int readers() {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(wakes_.size());
  }
  std::size_t reads() const { return reads_; }

  class Feed : public EventFeed {
   public:
    explicit Feed(FakeLog& log) : log_(log) {}
    ~Feed() override { on_change(nullptr); }
    std::vector<Event> read(std::int64_t after, std::size_t limit) override {
      const std::lock_guard lock(log_.mutex_);
      ++log_.reads_;
      std::vector<Event> result;
      for (const Event& event : log_.events_)
        if (event.id > after && result.size() < limit) result.push_back(event);
      return result;
    }
    bool ended() override {
      const std::lock_guard lock(log_.mutex_);
      return log_.ended_;
    }
    void on_change(std::function<void()> wake) override {
      const std::lock_guard lock(log_.mutex_);
      if (wake)
        log_.wakes_[this] = std::move(wake);
      else
        log_.wakes_.erase(this);
    }

   private:
    FakeLog& log_;
  };

 private:
  void wake() {
    for (const auto& [feed, wake] : wakes_) wake();
  }
  std::mutex mutex_;
  std::vector<EventFeed::Event> events_;
  bool ended_ = false;
  std::map<const EventFeed*, std::function<void()>> wakes_;
  std::atomic<std::size_t> reads_ = 0;
};

class FakeAnswers : public IdempotencyStore {
 public:
  std::optional<Kept> lookup(const Identity&, std::string_view key) override {
    const auto found = kept.find(key);
    return found == kept.end() ? std::nullopt : std::optional(found->second);
  }
  std::map<std::string, Kept, std::less<>> kept;
};

class FakeServer {
 public:
  explicit FakeServer(ServerOptions options = {}, const std::function<void(Router&)>& add_handlers = {}) {
    options.port = 0;
    router.handle(get_info, [](const Call&, const Nothing&) { return ServerInfo{.version = "test"}; });
    router.handle(get_caller, [](const Call& call, const Nothing&) {
      return Caller{.user = call.identity.user, .tenant = call.identity.tenant, .admin = call.identity.admin()};
    });
    router.handle(get_model, [](const Call&, const ModelRef& ref) {
      if (ref.model.text() == "404") throw base::Error(base::Code::not_found, "there is no model 404", "/model");
      if (ref.model.text() == "500") throw std::runtime_error("broken");
      if (ref.model.text() == "507")
        throw std::filesystem::filesystem_error("cannot copy", "/private",
                                                std::make_error_code(std::errc::no_space_on_device));
      return Model{.id = ref.model.number().value_or(1), .name = "m"};
    });
    router.handle(rename_model, [](const Call& call, const RenameModel& request) {
      check_if_match(call, Model{.id = request.model.number().value_or(1), .name = "m"});
      return Model{.id = request.model.number().value_or(1), .name = request.name};
    });
    router.handle(create_tenant, [this](const Call& call, const CreateTenant& request) {
      const Tenant tenant{.id = ++created, .name = request.name};
      if (call.once) answers.kept[call.once->key] = {call.once->fingerprint, base::encode(tenant)};
      return tenant;
    });
    router.handle(list_models, [](const Call&, const ListModels& request) {
      Page<Model> page;
      for (const ModelState state : request.state) page.items.push_back(Model{.id = 1, .state = state});
      return page;
    });
    router.handle(delete_tenant, [](const Call&, const TenantRef& ref) {
      if (ref.tenant != "a/b c") throw base::Error(base::Code::conflict, ref.tenant);
      return Nothing{};
    });
    router.handle(put_shard, [](const Call& call, const PutShard& request) {
      return Shard{.first_record = request.first_record,
                   .size_bytes = static_cast<std::int64_t>(call.body.size()),
                   .sha256 = request.sha256};
    });
    router.handle(predict, [this](const Call& call, const Predict& request) {
      ++predicting;
      while (busy) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return Prediction{{{.probability = 1, .index = request.k.value_or(5), .label = std::string(call.body)}}};
    });
    router.handle(get_checkpoint, [](const Call&, const ModelRef&) { return Bytes{std::string(3'000'000, 'x')}; });
    router.handle(follow_model,
                  [this](const Call&, const FollowModel&) { return std::make_unique<FakeLog::Feed>(log); });
    if (add_handlers) add_handlers(router);
    server = std::make_unique<Server>(
        router,
        [this](const Credentials& from) {
          const std::string& token = from.token;
          const std::lock_guard lock(mutex);
          if (revoked.contains(token) || (token != "admin" && token != "user" && token != "other"))
            throw base::Error(base::Code::unauthenticated, "this token is not valid");
          return Identity{.user_id = token == "other" ? 2 : 1,
                          .tenant_id = token == "other" ? 2 : 1,
                          .role = token == "admin" ? Role::admin : Role::member,
                          .user = token,
                          .tenant = "t"};
        },
        options);
    server->keep_answers_in(answers);
    server->plain_route("/healthz", [] { return PlainAnswer{.content = "ok\n"}; });
    server->plain_route(
        "/secrets", [] { return PlainAnswer{.content = "42\n"}; }, PlainCost::nothing, Permission::admin);
    thread = std::thread([this] { server->run(); });
  }
  ~FakeServer() {
    busy = false;
    server->stop();
    thread.join();
  }

  std::string url() const { return server->url(); }
  Client client(std::string token = "admin") const {
    return Client(url(), std::move(token), {.connect_timeout_ms = 1000, .tries = 3, .pause_ms = 10});
  }

  std::mutex mutex;
  std::set<std::string> revoked;
  std::atomic<std::int64_t> created = 0;
  std::atomic<bool> busy = false;
  std::atomic<int> predicting = 0;  // calls so far
  FakeLog log;
  FakeAnswers answers;
  Router router;
  std::unique_ptr<Server> server;
  std::thread thread;
};

/// A connection that sends exactly what a test says.
class RawClient {
 public:
  explicit RawClient(const FakeServer& server) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.server->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;

  RawClient& send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;  // the server may have refused already
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return *this;
  }

  /// A request line and headers; Host comes by itself.
  RawClient& request(std::string_view line, std::string_view headers = "", std::string_view body = "") {
    return send(fmt::format("{} HTTP/1.1\r\nHost: localhost\r\n{}\r\n{}", line, headers, body));
  }

  /// Reads until `text` has come; false when the connection ends (or 5 s pass) before.
  bool read_until(std::string_view text) {
    while (read_.find(text) == std::string::npos)
      if (!read_more()) return false;
    return true;
  }

  /// One whole answer with a Content-Length (or without content), taken from what was read.
  std::string answer(bool has_content = true) {
    if (!read_until("\r\n\r\n")) return std::exchange(read_, {});
    std::size_t size = read_.find("\r\n\r\n") + 4;
    const auto length = read_.find("content-length: ");
    if (has_content && length < size) size += std::stoul(read_.substr(length + 16));
    while (read_.size() < size && read_more()) {}
    std::string result = read_.substr(0, size);
    read_.erase(0, size);
    return result;
  }

  /// All until the server closes.
  std::string rest() {
    while (read_more()) {}
    return std::exchange(read_, {});
  }

  bool closed(int within_ms = 5000) {
    char byte;
    pollfd waiting{socket_, POLLIN, 0};
    return ::poll(&waiting, 1, within_ms) == 1 && ::recv(socket_, &byte, 1, MSG_PEEK) <= 0;
  }

  /// By the server; what was not read by then is no longer on its way.
  bool is_reset(int within_ms = 5000) {
    pollfd waiting{socket_, 0, 0};
    return ::poll(&waiting, 1, within_ms) == 1 && (waiting.revents & POLLERR) != 0;
  }

  int socket() const { return socket_; }

 private:
  bool read_more() {
    char buffer[65536];
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, 5000) != 1) return false;
    const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
    if (got > 0) read_.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  }

  int socket_;
  std::string read_;
};

inline int status_of(std::string_view answer) { return answer.size() < 12 ? 0 : std::atoi(answer.data() + 9); }

inline constexpr std::string_view kAdmin = "Authorization: Bearer admin\r\n";

/// The answer to one request on a connection of its own.
inline std::string once(const FakeServer& server, std::string_view line, std::string_view headers = "",
                        std::string_view body = "") {
  return RawClient(server).request(line, headers, body).answer(!line.starts_with("HEAD"));
}

}  // namespace api
