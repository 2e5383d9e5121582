// What no client can take from the others: memory, connections, files, time.
#include <sys/resource.h>

#include "api/http/fake_server_test.h"
#include "api/http/server.h"

namespace api {
namespace {

TEST(ServerLimits, limits_bodies_before_and_while_they_come) {
  FakeServer server;
  EXPECT_EQ(status_of(once(server, "POST /api/v2/tenants", fmt::format("{}Content-Length: 1048577\r\n", kAdmin))), 413);
  const std::string chunk = fmt::format("10000\r\n{}\r\n", std::string(0x10000, 'x'));
  RawClient client(server);
  client.request("POST /api/v2/tenants", fmt::format("{}Transfer-Encoding: chunked\r\n", kAdmin));
  for (int i = 0; i < 40; ++i) client.send(chunk);
  EXPECT_EQ(status_of(client.answer()), 413);
  EXPECT_EQ(status_of(once(server, "POST /api/v2/tenants", fmt::format("{}Transfer-Encoding: chunked\r\n", kAdmin),
                           "FFFFFFFFFFFFFFF\r\nx")),
            413);
}

TEST(ServerLimits, takes_a_large_upload) {
  FakeServer server;
  Client client = server.client();
  std::string body;
  body.resize(20'000'000, 'z');
  const Shard shard = client.call(put_shard, {.dataset = "d", .first_record = 7, .sha256 = std::string(64, 'a')}, body);
  EXPECT_EQ(shard.size_bytes, 20'000'000);
  EXPECT_EQ(shard.first_record, 7);
}

TEST(ServerLimits, bounds_the_memory_of_all_bodies) {
  FakeServer server({.body_memory_bytes = 4 << 20});
  const auto post = [&](std::size_t announced, std::size_t sent, std::string_view token = "admin") {
    const std::string headers = fmt::format("Authorization: Bearer {}\r\nContent-Length: {}\r\n", token, announced);
    auto client = std::make_unique<RawClient>(server);
    client->request("POST /api/v2/models/3/predict", headers, std::string(sent, 'x'));
    return client;
  };
  const std::string answer = post(5'000'000, 5'000'000)->answer();
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_NE(answer.find("retry-after: 1"), std::string::npos);
  // A body's memory is given back a moment after its answer is sent.
  const auto soon = [&](std::size_t size, std::string_view token, int wanted) {
    int status = 0;
    for (int i = 0; i < 200 && status != wanted; ++i) status = status_of(post(size, size, token)->answer());
    return status;
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(soon(2'000'000, "admin", 200), 200);
  // Announcing takes nothing.
  std::vector<std::unique_ptr<RawClient>> announcing;
  for (int i = 0; i < 20; ++i) announcing.push_back(post(2'000'000, 1));
  EXPECT_EQ(soon(2'000'000, "admin", 200), 200);
  EXPECT_EQ(status_of(post(60'000, 60'000)->answer()), 200);
}

TEST(ServerLimits, drops_bodies_that_trickle) {
  FakeServer server({.body_timeout_ms = 60});
  RawClient client(server);
  client.request("POST /api/v2/models/3/predict", fmt::format("{}Content-Length: 100000\r\n", kAdmin));
  pollfd answered{client.socket(), POLLIN, 0};
  while (::poll(&answered, 1, 5) == 0) client.send("x");  // never quiet for long
  EXPECT_EQ(status_of(client.rest()), 408);
}

TEST(ServerLimits, limits_heads) {
  FakeServer server;
  EXPECT_EQ(status_of(once(server, fmt::format("GET /{}", std::string(9000, 'a')))), 414);
  std::string many;
  for (int i = 0; i < 150; ++i) many += fmt::format("X-{}: y\r\n", i);
  EXPECT_EQ(status_of(once(server, "GET /api/v2/info", many)), 431);
  EXPECT_EQ(status_of(once(server, "GET /api/v2/info", fmt::format("X: {}\r\n", std::string(40000, 'y')))), 431);
}

TEST(ServerLimits, survives_floods_of_tiny_chunks_and_extensions) {
  FakeServer server;
  RawClient tiny(server);
  tiny.request("POST /api/v2/models/3/predict", fmt::format("{}Transfer-Encoding: chunked\r\n", kAdmin));
  std::string flood;
  for (int i = 0; i < 20000; ++i) flood += "1\r\nx\r\n";
  EXPECT_EQ(status_of(tiny.send(flood).send("0\r\n\r\n").answer()), 200);

  RawClient extensions(server);
  extensions.request("POST /api/v2/models/3/predict", fmt::format("{}Transfer-Encoding: chunked\r\n", kAdmin));
  std::string extended;
  for (int i = 0; i < 2000; ++i) extended += fmt::format("1;{}\r\nx\r\n", std::string(100, 'e'));
  EXPECT_EQ(status_of(extensions.send(extended).answer()), 400);

  RawClient endless(server);
  endless.request("POST /api/v2/models/3/predict", fmt::format("{}Transfer-Encoding: chunked\r\n", kAdmin));
  EXPECT_EQ(status_of(endless.send("1;" + std::string(200000, 'e')).answer()), 400);
}

TEST(ServerLimits, does_not_wait_for_slow_clients) {
  FakeServer server({.header_timeout_ms = 60, .body_timeout_ms = 60, .idle_timeout_ms = 60});
  RawClient silent(server);
  EXPECT_TRUE(silent.closed());
  RawClient slow_head(server);
  EXPECT_EQ(status_of(slow_head.send("GET /api/v2/info HT").rest()), 408);
  RawClient slow_body(server);
  slow_body.request("POST /api/v2/models/3/predict", fmt::format("{}Content-Length: 10\r\n", kAdmin), "abc");
  EXPECT_EQ(status_of(slow_body.rest()), 408);
}

TEST(ServerLimits, breaks_off_who_waits_longest_when_it_is_full) {
  FakeServer server({.max_connections = 3});
  RawClient idle(server), half(server);
  EXPECT_EQ(status_of(idle.request("GET /api/v2/info").answer()), 200);
  half.send("GET /api/v2/in");
  server.busy = true;
  RawClient waiting(server);
  waiting.request("POST /api/v2/models/3/predict", fmt::format("{}Content-Length: 1\r\n", kAdmin), "x");
  while (server.predicting == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // it is in work now
  std::vector<std::unique_ptr<RawClient>> more;
  const auto another = [&] {
    return status_of(more.emplace_back(std::make_unique<RawClient>(server))->request("GET /api/v2/info").answer());
  };
  for (int i = 0; i < 5; ++i) {
    int status = another();
    // Who has just got an answer is at work for another moment, while nobody else can be broken off.
    for (int again = 0; again < 1000 && status == 503; ++again) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      status = another();
    }
    EXPECT_EQ(status, 200) << i;
  }
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(half.closed());
  server.busy = false;
  EXPECT_EQ(status_of(waiting.answer()), 200) << "a request in work is never broken off";
}

TEST(ServerLimits, lets_nobody_shut_others_out_with_silent_connections) {
  FakeServer server({.max_connections = 50});
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 300; ++i) {
    silent.push_back(std::make_unique<RawClient>(server));
    if (i % 3 == 1) silent.back()->send("GET /");
    if (i % 3 == 2) silent.back()->request("POST /api/v2/tenants", fmt::format("{}Content-Length: 9\r\n", kAdmin), "x");
  }
  EXPECT_EQ(status_of(once(server, "GET /api/v2/me", kAdmin)), 200);
  EXPECT_TRUE(silent.front()->closed());
}

TEST(ServerLimits, refuses_connections_when_all_are_at_work) {
  FakeServer server({.max_connections = 2});
  server.busy = true;
  std::vector<std::unique_ptr<RawClient>> working;
  for (const std::string_view token : {"admin", "other"})
    working.emplace_back(std::make_unique<RawClient>(server))
        ->request("POST /api/v2/models/3/predict",
                  fmt::format("Authorization: Bearer {}\r\nContent-Length: 1\r\n", token), "x");
  for (int i = 0; i < 500 && server.predicting < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(status_of(RawClient(server).rest()), 503);
  server.busy = false;
  for (const auto& client : working) EXPECT_EQ(status_of(client->answer()), 200);
}

TEST(ServerLimits, gives_each_tenant_a_share) {
  FakeServer server({.requests_per_tenant = 3});
  server.busy = true;
  std::vector<std::unique_ptr<RawClient>> working;
  const auto predict_as = [&](std::string_view token) {
    auto client = std::make_unique<RawClient>(server);
    client->request("POST /api/v2/models/3/predict",
                    fmt::format("Authorization: Bearer {}\r\nContent-Length: 1\r\n", token), "x");
    return client;
  };
  for (int i = 0; i < 3; ++i) working.push_back(predict_as("user"));
  for (int i = 0; i < 500 && server.predicting < 3; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const std::string refused = predict_as("user")->answer();
  EXPECT_EQ(status_of(refused), 429) << refused;
  EXPECT_NE(refused.find("your tenant has 3 requests in work"), std::string::npos) << refused;
  EXPECT_NE(refused.find("retry-after: 1"), std::string::npos) << refused;
  EXPECT_EQ(status_of(once(server, "GET /api/v2/me", "Authorization: Bearer other\r\n")), 200);
  server.busy = false;
  for (const auto& client : working) EXPECT_EQ(status_of(client->answer()), 200);
  EXPECT_EQ(status_of(predict_as("user")->answer()), 200);
}

// In a process of its own, as limits that were lowered stay so.
TEST(ServerLimits, leaves_files_for_others) {
  const auto crowd = [] {
    const rlimit low{100, 200};
    ::setrlimit(RLIMIT_NOFILE, &low);
    FakeServer server;
    rlimit raised{};
    ::getrlimit(RLIMIT_NOFILE, &raised);
    if (raised.rlim_cur != 200) ::_exit(1);
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 51; ++i) {  // a quarter of the files, and one
      clients.push_back(std::make_unique<RawClient>(server));
      if (status_of(clients.back()->request("GET /api/v2/info").answer()) != 200) ::_exit(2);
    }
    // One of the earlier: a client can have its answer a moment before the server counts it among those that wait.
    std::vector<pollfd> waiting;
    for (const auto& client : clients) waiting.push_back({client->socket(), POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), 5000) < 1 || clients.back()->closed(0)) ::_exit(3);
    const auto closed = std::count_if(clients.begin(), clients.end(), [](auto& client) { return client->closed(0); });
    ::_exit(closed == 1 ? 0 : 4);
  };
  EXPECT_EXIT(crowd(), testing::ExitedWithCode(0), "");
}

TEST(ServerLimits, lets_clients_that_send_all_first_read_the_refusal) {
  FakeServer server;
  RawClient client(server);
  std::string body;
  body.resize(50'000'000, 'x');
  client.request("POST /api/v2/models/3/predict", fmt::format("{}Content-Length: {}\r\n", kAdmin, body.size()), body);
  EXPECT_EQ(status_of(client.answer()), 413);
  EXPECT_TRUE(client.closed());
}

TEST(ServerLimits, puts_off_whoever_sends_many_wrong_tokens_and_nobody_else) {
  FakeServer server;
  RawClient client(server);
  const auto status = [&](std::string_view authorization) {
    return client.request("GET /api/v2/me", authorization).answer();
  };
  int refused = 0;
  for (int i = 0; i < 200 && refused == 0; ++i) {
    const std::string answer = status("Authorization: Bearer guess\r\n");
    if (status_of(answer) == 429) {
      ++refused;
      EXPECT_NE(answer.find("retry-after: "), std::string::npos) << answer;
    } else {
      EXPECT_EQ(status_of(answer), 401);
    }
  }
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(status_of(status(kAdmin)), 200);
}

}  // namespace
}  // namespace api
