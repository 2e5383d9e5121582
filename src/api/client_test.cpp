#include "api/client.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "api/http/fake_server_test.h"
#include "api/http/proxy.h"
#include "api/problem.h"

namespace api {
namespace {

TEST(Client, calls_by_path_query_and_body) {
  FakeServer server;
  Client client = server.client();
  EXPECT_EQ(client.call(get_info, {}).version, "test");
  EXPECT_EQ(client.call(get_caller, {}).user, "admin");
  EXPECT_EQ(client.call(create_tenant, {.name = "vision"}).name, "vision");
  const Page<Model> page = client.call(list_models, {.state = {ModelState::running, ModelState::deployed}});
  ASSERT_EQ(page.items.size(), 2u);
  EXPECT_EQ(page.items[1].state, ModelState::deployed);
  client.call(delete_tenant, {.tenant = "a/b c"});
  EXPECT_EQ(client.call(predict, {.model = 1, .k = 3}, "bytes").predictions.at(0).label, "bytes");
}

TEST(Client, gives_the_errors_of_the_server) {
  FakeServer server;
  Client client = server.client();
  try {
    client.call(get_model, {.model = 404});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::not_found);
    EXPECT_EQ(error.message, "there is no model 404");
    EXPECT_EQ(error.where, "/model");
  }
  try {
    server.client("wrong").call(get_caller, {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::unauthenticated);
  }
}

TEST(Client, says_how_to_start_a_server_that_is_not_there) {
  std::string url;
  {
    FakeServer server;
    url = server.url();
  }
  try {
    Client(url, "t", {.pause_ms = 1}).call(get_info, {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::unavailable);
    EXPECT_EQ(error.message, fmt::format("nothing listens at {}: is ncloudd running? start it with `ncloudd`", url));
  }
}

/// A variable of the environment for a while.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

TEST(Client, never_gives_its_token_to_a_proxy_that_was_set_up_for_others) {
  FakeServer server;
  const Variable proxy("http_proxy", "http://127.0.0.1:1"), all("ALL_PROXY", "http://127.0.0.1:1");
  EXPECT_EQ(server.client().call(get_caller, {}).user, "admin") << "this machine is reached directly";
  for (const std::string_view loopback :
       {"http://127.0.0.1:1", "https://localhost", "http://[::1]:8642/x", "http://u:p@127.3.2.1"})
    EXPECT_EQ(route_to(loopback).proxy, "") << loopback;
  EXPECT_EQ(route_to("http://ml.example").proxy, "");
  EXPECT_EQ(route_to("http://ml.example").unused_variable, "http_proxy");
  EXPECT_EQ(route_to("http://127.0.0.1.example").unused_variable, "http_proxy");
  EXPECT_FALSE(route_to("https://ml.example").proxy) << "through https no proxy can read it";
  const Variable own("NCLOUD_PROXY", "http://proxy:3128");
  EXPECT_EQ(route_to("http://ml.example").proxy, "http://proxy:3128");
  EXPECT_EQ(route_to("http://localhost").proxy, "");
}

/// Answers each connection with the same bytes, whatever comes.
class Parrot {
 public:
  explicit Parrot(std::string text) : listening_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listening_, 8), 0);
    socklen_t size = sizeof address;
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, text = std::move(text)] {
      while (true) {
        const int client = ::accept(listening_, nullptr, nullptr);
        if (client < 0) return;
        char buffer[4096];
        [[maybe_unused]] const auto got = ::recv(client, buffer, sizeof buffer, 0);
        [[maybe_unused]] const auto sent = ::send(client, text.data(), text.size(), MSG_NOSIGNAL);
        ::close(client);
      }
    });
  }
  ~Parrot() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }

  std::string address() const { return fmt::format("127.0.0.1:{}", port_); }

 private:
  int listening_;
  int port_ = 0;
  std::thread thread_;
};

std::string refusal_of(const std::string& url) {
  try {
    Client(url, "t", {.pause_ms = 1}).call(get_info, {});
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::unavailable) << error.message;
    return error.message;
  }
  return "nothing";
}

void expect_says(const std::string& message, const std::string& text) {
  EXPECT_NE(message.find(text), std::string::npos) << message;
}

TEST(Client, says_what_to_do_when_it_speaks_another_protocol) {
  FakeServer server;
  expect_says(refusal_of("https" + server.url().substr(4)),
              "it does not seem to speak TLS; if it is a plain ncloudd, use " + server.url());
  const Parrot tls(std::string("\x15\x03\x01\x00\x02\x02\x46", 7));  // the alert of a TLS server
  expect_says(refusal_of("http://" + tls.address()), "if it speaks TLS, use https://" + tls.address());
  const Parrot nginx(
      "HTTP/1.1 400 Bad Request\r\nContent-Length: 49\r\n\r\nThe plain HTTP request was sent to an HTTPS port.");
  expect_says(refusal_of("http://" + nginx.address()), "speaks TLS: use https://" + nginx.address());
  const Parrot sends_on("HTTP/1.1 301 Moved\r\nLocation: https://ml.example/\r\nContent-Length: 0\r\n\r\n");
  expect_says(refusal_of("http://" + sends_on.address()), "sends on to https://ml.example/");
  const Parrot page("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi");
  expect_says(refusal_of("http://" + page.address()), "is no ncloudd: it answers with 'text/html'");
  expect_says(refusal_of("http://no-such-name.invalid"), "no machine is known here by that name");
  const Variable variable("http_proxy", "http://127.0.0.1:1");
  expect_says(refusal_of("http://no-such-name.invalid"), "$http_proxy is not used");
  const Variable own("NCLOUD_PROXY", "http://127.0.0.1:1");
  expect_says(refusal_of("https://no-such-name.invalid"), "cannot reach https://no-such-name.invalid");
}

// The first connection breaks after its request has come; the next one is answered with `answer`.
class BreakingServer {
 public:
  explicit BreakingServer(std::string answer) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_.get(), 4);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer)] {
      for (int i = 0; i < 2; ++i) {
        const base::Fd connection(::accept(listener_.get(), nullptr, nullptr));
        char request[4096];
        if (::recv(connection.get(), request, sizeof request, 0) > 0 && i == 1)
          base::write_all(connection, answer, "answer");
      }
    });
  }
  ~BreakingServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }

 private:
  base::Fd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(Client, what_a_lost_answer_may_have_removed_is_removed) {
  const std::string content = base::to_text(problem_of(base::Error(base::Code::not_found, "no dataset 'a'"), "id"));
  const std::string answer =
      fmt::format("HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{}",
                  content.size(), content);
  {
    const BreakingServer server(answer);
    EXPECT_EQ(Client(server.url(), "t", {.pause_ms = 1}).call(delete_dataset, {.dataset = "a"}).freed_bytes, 0);
  }
  const BreakingServer server(answer);
  EXPECT_THROW(Client(server.url(), "t", {.pause_ms = 1}).call(get_dataset, {.dataset = "a"}), base::Error);
}

TEST(Client, all_codes_survive_the_wire) {
  for (const base::ErrorKind& kind : base::error_kinds()) {
    const base::Error sent(kind.code, "text with \"quotes\" and \x1b[31m", "/a/0");
    const base::Error came = error_of(kind.http_status, base::to_text(problem_of(sent, "id")));
    EXPECT_EQ(came.code, sent.code) << kind.name;
    EXPECT_EQ(came.message, sent.message);
    EXPECT_EQ(came.where, sent.where);
  }
}

TEST(Client, describes_answers_of_others) {
  const base::Error error = error_of(413, "<html>\x1b[2J proxy says no");
  EXPECT_EQ(error.code, base::Code::too_large);
  EXPECT_NE(error.message.find("413 Content Too Large"), std::string::npos);
  EXPECT_EQ(error.message.find('\x1b'), std::string::npos);
}

TEST(Client, fills_paths_safely) {
  const Carriers carriers = split_request(get_tenant, base::json::object{{"tenant", "../x?y"}});
  EXPECT_EQ(carriers.target, "/api/v2/tenants/..%2Fx%3Fy");
  EXPECT_THROW(split_request(get_tenant, base::json::object{{"tenant", ""}}), base::Error);
}

}  // namespace
}  // namespace api
