#include "api/http/event_lines.h"
#include "api/http/fake_server_test.h"

namespace api {
namespace {

constexpr std::string_view kUser = "Authorization: Bearer user\r\n";

std::string event(int n) {
  return base::to_text(
      base::encode(TrainingEvent{.kind = TrainingEventKind::log, .at = "now", .text = std::to_string(n)}));
}

TEST(EventLines, reads_events_in_any_pieces) {
  const std::string text = ": hello\n\nid: 1\ndata: a\n\nid: 2\r\ndata: b\r\ndata: c\r\n\r\nevent: end\ndata: {}\n\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    EventLines lines;
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < text.size(); at += piece)
      lines.feed(std::string_view(text).substr(at, piece), [&](const EventLines::Event& event) {
        seen.push_back(event.id + ":" + event.name + ":" + event.data);
        return true;
      });
    EXPECT_EQ(seen, (std::vector<std::string>{"1:message:a", "2:message:b\nc", "2:end:{}"}));
  }
}

TEST(Events, come_as_they_happen_and_end) {
  FakeServer server;
  server.log.add(event(1));
  RawClient client(server);
  client.request("GET /api/v2/models/3/events", kUser);
  ASSERT_TRUE(client.read_until("id: 1\ndata: {"));
  server.log.add(event(2));
  ASSERT_TRUE(client.read_until("id: 2\ndata: {"));
  server.log.end();
  const std::string text = client.rest();
  EXPECT_TRUE(text.ends_with("event: end\ndata: {}\n\n")) << text;
}

TEST(Events, go_on_after_the_last_event_id) {
  FakeServer server;
  for (int i = 1; i <= 5; ++i) server.log.add(event(i));
  server.log.end();
  const std::string by_header =
      RawClient(server)
          .request("GET /api/v2/models/3/events?after=1", fmt::format("{}Last-Event-ID: 3\r\n", kUser))
          .rest();
  EXPECT_EQ(by_header.find("id: 3\n"), std::string::npos);
  EXPECT_NE(by_header.find("id: 4\n"), std::string::npos);
  const std::string by_query = RawClient(server).request("GET /api/v2/models/3/events?after=4", kUser).rest();
  EXPECT_EQ(by_query.find("id: 4\n"), std::string::npos);
  EXPECT_NE(by_query.find("id: 5\n"), std::string::npos);
  EXPECT_EQ(status_of(RawClient(server)
                          .request("GET /api/v2/models/3/events", fmt::format("{}Last-Event-ID: x\r\n", kUser))
                          .answer()),
            400);
}

TEST(Events, show_signs_of_life_until_the_token_is_revoked) {
  FakeServer server({.heartbeat_ms = 40});
  RawClient client(server);
  client.request("GET /api/v2/models/3/events", kUser);
  ASSERT_TRUE(client.read_until(": still here\n\n"));
  {
    const std::lock_guard lock(server.mutex);
    server.revoked.insert("user");
  }
  EXPECT_EQ(client.rest().find("event: end"), std::string::npos);
}

TEST(Events, end_at_once_when_the_token_is_revoked) {
  FakeServer server;  // signs of life, which check the token too, come after 15 s
  RawClient client(server);
  client.request("GET /api/v2/models/3/events", kUser);
  ASSERT_TRUE(client.read_until("\r\n\r\n"));
  const auto began = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(server.mutex);
    server.revoked.insert("user");
  }
  server.log.add("secret");  // wakes the stream, which must not give it any more
  server.server->check_tokens();
  EXPECT_EQ(client.rest().find("secret"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST(Events, notice_that_the_client_left) {
  FakeServer server;
  {
    RawClient client(server);
    client.request("GET /api/v2/models/3/events", kUser);
    ASSERT_TRUE(client.read_until("\r\n\r\n"));
  }
  for (int i = 0; i < 500 && server.log.readers() > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(server.log.readers(), 0);
}

TEST(Events, are_not_read_for_a_client_that_does_not_read) {
  FakeServer server({.write_timeout_ms = 100});
  const std::string large = base::to_text(base::encode(TrainingEvent{.text = std::string(100'000, 'x')}));
  for (int i = 0; i < 2000; ++i) server.log.add(large);  // 200 MB, if somebody took it all
  RawClient client(server);
  client.request("GET /api/v2/models/3/events", kUser);
  ASSERT_TRUE(client.read_until("id: 1\n"));
  for (int i = 0; i < 500 && server.log.readers() > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(server.log.readers(), 0) << "the server gives up on it";
  EXPECT_LE(server.log.reads(), 2u);
}

TEST(Events, end_when_the_server_stops) {
  auto server = std::make_unique<FakeServer>();
  RawClient client(*server);
  client.request("GET /api/v2/models/3/events", kUser);
  ASSERT_TRUE(client.read_until("\r\n\r\n"));
  server.reset();
  EXPECT_TRUE(client.closed());
}

TEST(Events, do_not_keep_the_server_from_stopping) {
  auto server = std::make_unique<FakeServer>();
  const std::string large = base::to_text(base::encode(TrainingEvent{.text = std::string(100'000, 'x')}));
  for (int i = 0; i < 500; ++i) server->log.add(large);
  RawClient client(*server);
  client.request("GET /api/v2/models/3/events", kUser);
  ASSERT_TRUE(client.read_until("id: 1\n"));
  server.reset();
}

TEST(Events, are_bounded_per_tenant) {
  FakeServer server({.streams_per_tenant = 2});
  const auto follow = [&](std::string_view token) {
    auto client = std::make_unique<RawClient>(server);
    client->request("GET /api/v2/models/3/events", fmt::format("Authorization: Bearer {}\r\n", token));
    client->read_until("\r\n\r\n");
    return client;
  };
  const auto first = follow("user");
  auto second = follow("admin");  // of the same tenant
  const std::string refused = follow("user")->answer();
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_NE(refused.find("your tenant has 2 streams of events open"), std::string::npos) << refused;
  EXPECT_EQ(status_of(follow("other")->answer(false)), 200);
  second.reset();
  int status = 0;
  for (int i = 0; i < 500 && status != 200; ++i) status = status_of(follow("user")->answer(false));
  EXPECT_EQ(status, 200) << "a closed one makes room";
}

TEST(Events, head_is_no_stream) {
  FakeServer server;
  EXPECT_EQ(status_of(RawClient(server).request("HEAD /api/v2/models/3/events", kUser).answer(false)), 200);
}

TEST(Events, client_follows_over_broken_connections) {
  // A proxy that cuts each connection after some bytes stands between client and server.
  FakeServer server;
  for (int i = 1; i <= 50; ++i) server.log.add(event(i));
  server.log.end();
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listening, 8), 0);
  socklen_t size = sizeof address;
  ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size);
  int connections = 0;
  std::thread proxy([&] {
    while (true) {
      const int inner = ::accept(listening, nullptr, nullptr);
      if (inner < 0) return;
      ++connections;
      char buffer[4096];
      const ssize_t got = ::recv(inner, buffer, sizeof buffer, 0);
      if (got > 0) {
        RawClient outer(server);
        outer.send(std::string_view(buffer, static_cast<std::size_t>(got)));
        std::string answer = outer.rest();
        if (answer.size() > 900) answer.resize(900);
        [[maybe_unused]] const auto sent = ::send(inner, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
      ::close(inner);
    }
  });
  std::vector<std::string> seen;
  Client client(fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port)), "user", {.pause_ms = 1});
  const bool ended = client.follow(follow_model, {.model = 3}, [&](const TrainingEvent& event, std::int64_t id) {
    EXPECT_EQ(id, static_cast<std::int64_t>(seen.size()) + 1);
    seen.push_back(event.text.value());
    return true;
  });
  ::shutdown(listening, SHUT_RDWR);
  proxy.join();
  ::close(listening);
  EXPECT_TRUE(ended);
  EXPECT_EQ(seen.size(), 50u);
  EXPECT_GT(connections, 2);
}

}  // namespace
}  // namespace api
