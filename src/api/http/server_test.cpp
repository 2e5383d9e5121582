#include "api/http/server.h"

#include "api/http/fake_server_test.h"

namespace api {
namespace {

TEST(Server, answers_a_request) {
  FakeServer server;
  const std::string answer = once(server, "GET /api/v2/info");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(
      answer.find(R"({"name":"ncloud","version":"test","api":"v2","sandbox":true,"limits_by":"","limits_missing":[]})"),
      std::string::npos)
      << answer;
  EXPECT_NE(answer.find("x-request-id: "), std::string::npos);
  EXPECT_EQ(once(server, "GET /healthz").substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(status_of(once(server, "GET /api/v2/openapi.json")), 200);
}

TEST(Server, refuses_every_operation_without_a_token) {
  constexpr int kOfOneServer = 20;  // which takes only so many wrong tokens of an address
  std::optional<FakeServer> server;
  std::optional<RawClient> client;
  int tried = 0;
  for (const OperationInfo* operation : operations()) {
    if (operation->permission == Permission::anyone) continue;
    if (tried++ % kOfOneServer == 0) {
      client.reset();
      server.emplace();
      client.emplace(*server);
    }
    std::string path(operation->path);
    for (auto open = path.find('{'); open != std::string::npos; open = path.find('{'))
      path.replace(open, path.find('}') - open + 1, "1");
    const std::string line = fmt::format("{} {}", base::word(operation->method), path);
    const std::string answer = client->request(line).answer();
    EXPECT_EQ(status_of(answer), 401) << line << "\n" << answer;
    EXPECT_NE(answer.find("www-authenticate: Bearer"), std::string::npos);
    EXPECT_EQ(status_of(client->request(line, "Authorization: Bearer wrong\r\n").answer()), 401) << line;
    EXPECT_EQ(status_of(client->request(line, "Authorization: Basic admin\r\n").answer()), 401) << line;
    if (operation->permission == Permission::admin) {
      EXPECT_EQ(status_of(client->request(line, "Authorization: Bearer user\r\n").answer()), 403) << line;
    }
  }
}

TEST(Server, leaves_it_to_the_router_to_refuse_what_a_caller_may_not) {
  std::atomic<int> refused = 0;
  FakeServer server({}, [&](Router& router) {
    router.go_through(
        [&](const OperationInfo&, const Call& call, const base::json::value&, const std::function<Answer()>& handler) {
          try {
            return handler();
          } catch (const base::Error& error) {
            if (error.code == base::Code::permission_denied && call.identity.user == "user") ++refused;
            throw;
          }
        });
  });
  EXPECT_EQ(status_of(once(server, "GET /api/v2/tenants", "Authorization: Bearer user\r\n")), 403);
  EXPECT_EQ(refused, 1);
}

TEST(Server, knows_its_paths_and_methods) {
  FakeServer server;
  EXPECT_EQ(status_of(once(server, "GET /nothing")), 404);
  EXPECT_EQ(status_of(once(server, "GET /api/v2/models/", kAdmin)), 404);
  const std::string wrong = once(server, "DELETE /api/v2/info");
  EXPECT_EQ(status_of(wrong), 405);
  EXPECT_NE(wrong.find("allow: GET, HEAD, OPTIONS"), std::string::npos) << wrong;
  EXPECT_EQ(status_of(once(server, "BREW /api/v2/info")), 405);
  const std::string options = once(server, "OPTIONS /api/v2/models/3");
  EXPECT_EQ(status_of(options), 204);
  EXPECT_NE(options.find("allow: GET, HEAD, PATCH, DELETE"), std::string::npos) << options;
  EXPECT_EQ(status_of(once(server, "POST /healthz")), 405);
}

TEST(Server, turns_what_handlers_let_pass_into_problems_without_its_words) {
  FakeServer server;
  const std::string broken = once(server, "GET /api/v2/models/500", kAdmin);
  EXPECT_EQ(status_of(broken), 500);
  EXPECT_EQ(broken.find("broken"), std::string::npos) << broken;
  const std::string full = once(server, "GET /api/v2/models/507", kAdmin);
  EXPECT_EQ(status_of(full), 507);
  EXPECT_EQ(full.find("/private"), std::string::npos) << full;
}

TEST(Server, head_has_the_headers_alone) {
  FakeServer server;
  RawClient client(server);
  const std::string answer = client.request("HEAD /api/v2/info").answer(false);
  EXPECT_NE(answer.find("content-length: 95"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
  EXPECT_EQ(status_of(client.request("GET /api/v2/info").answer()), 200);
}

TEST(Server, answers_pipelined_requests_in_order) {
  FakeServer server;
  RawClient client(server);
  std::string all;
  for (int i = 1; i <= 20; ++i)
    all += fmt::format("GET /api/v2/models/{} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", i, kAdmin);
  client.send(all);
  for (int i = 1; i <= 20; ++i) EXPECT_NE(client.answer().find(fmt::format("{{\"id\":{},", i)), std::string::npos) << i;
}

TEST(Server, takes_a_request_byte_by_byte) {
  FakeServer server;
  RawClient client(server);
  const std::string text = fmt::format(
      "POST /api/v2/models/3/predict?k=2 HTTP/1.1\r\nHost: localhost\r\n{}Transfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n",
      kAdmin);
  for (const char c : text) client.send(std::string_view(&c, 1));
  const std::string answer = client.answer();
  EXPECT_EQ(status_of(answer), 200) << answer;
  EXPECT_NE(answer.find(R"("index":2,"label":"abcde")"), std::string::npos) << answer;
}

TEST(Server, continues_when_asked_to) {
  FakeServer server;
  RawClient client(server);
  client.request("POST /api/v2/models/3/predict",
                 fmt::format("{}Expect: 100-continue\r\nContent-Length: 3\r\n", kAdmin));
  ASSERT_TRUE(client.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  client.answer(false);
  EXPECT_EQ(status_of(client.send("abc").answer()), 200);
  // A refusal comes instead of the invitation.
  EXPECT_EQ(status_of(once(server, "POST /api/v2/models/3/predict", "Expect: 100-continue\r\nContent-Length: 3\r\n")),
            401);
  EXPECT_EQ(status_of(once(server, "GET /api/v2/info", "Expect: magic\r\n")), 417);
}

TEST(Server, refuses_what_two_servers_could_read_in_two_ways) {
  FakeServer server;
  const std::vector<std::string> requests = {
      ("POST /api/v2/tenants HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n"),
      ("POST /api/v2/tenants HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: "
       "3\r\n\r\n0\r\n\r\n"),
      "POST /api/v2/tenants HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      "POST /api/v2/tenants HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n\r\nabc",
      "POST /api/v2/tenants HTTP/1.1\r\nHost: localhost\r\nContent-Length: -3\r\n\r\nabc",
      "POST /api/v2/tenants HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
      "POST /api/v2/tenants HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
      "POST /api/v2/tenants HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "GET /api/v2/info HTTP/1.1\nHost: localhost\n\n",
      "GET /api/v2/info HTTP/1.1\r\nHost: localhost\r\nX: a\nY: b\r\n\r\n",
      "GET /api/v2/info HTTP/1.1\r\nHost: localhost\r\nX: a\rY: b\r\n\r\n",
      "GET /api/v2/info HTTP/1.1\r\nHost: localhost\r\nX : a\r\n\r\n",
      std::string("GET /api/v2/info HTTP/1.1\r\nHost: localhost\r\nX: a") + '\0' + "b\r\n\r\n",
      "GET /api/v2/info HTTP/2.0\r\nHost: localhost\r\n\r\n",
      "GET /api/v2/info\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 tls hello\r\n\r\n",
      "GET /api/v2/info HTTP/1.1\r\n\r\n",
      "GET /api/v2/info HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
      "GET /api/v2/info HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET http://evil.example/api/v2/info HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /api/v2/tenants/%00 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin\r\n\r\n",
      "GET /api/v2/tenants/%zz HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin\r\n\r\n",
      "GET /api/v2/tenants/%ff HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin\r\n\r\n",
  };
  for (const std::string& request : requests) {
    RawClient client(server);
    client.send(request);
    ::shutdown(client.socket(), SHUT_WR);
    const int status = status_of(client.rest());
    EXPECT_TRUE(status == 0 || (status >= 400 && status < 600 && status != 500)) << request << status;
  }
  EXPECT_EQ(status_of(once(server, "GET /api/v2/info")), 200);
}

TEST(Server, refuses_foreign_hosts_and_origins) {
  FakeServer server({.allowed_hosts = {"cloud.example"}});
  const auto with_host = [&](std::string_view host, std::string_view more = "") {
    return status_of(
        RawClient(server).send(fmt::format("GET /api/v2/info HTTP/1.1\r\nHost: {}\r\n{}\r\n", host, more)).answer());
  };
  EXPECT_EQ(with_host("localhost"), 200);
  EXPECT_EQ(with_host("LOCALHOST:1234"), 200);
  EXPECT_EQ(with_host("127.0.0.1:8642"), 200);
  EXPECT_EQ(with_host("[::1]:8642"), 200);
  EXPECT_EQ(with_host("cloud.example"), 200);
  EXPECT_EQ(with_host("Cloud.Example.:443", "Origin: https://cloud.example.:443\r\n"), 200);
  EXPECT_EQ(with_host("evil.example"), 421);
  EXPECT_EQ(with_host("a b"), 400);
  EXPECT_EQ(with_host("localhost/x"), 400);
  EXPECT_EQ(with_host("127.0.0.1.evil.example"), 421);
  EXPECT_EQ(with_host("192.168.1.1"), 421);
  EXPECT_EQ(with_host("localhost:80", "Origin: http://localhost:80\r\n"), 200);
  EXPECT_EQ(with_host("localhost:80", "Origin: http://evil.example\r\n"), 403);
  EXPECT_EQ(with_host("localhost:80", "Origin: null\r\n"), 403);
  EXPECT_EQ(with_host("localhost:80", "Sec-Fetch-Site: cross-site\r\n"), 403);
  EXPECT_EQ(with_host("localhost:80", "Sec-Fetch-Site: same-site\r\n"), 403);
  EXPECT_EQ(with_host("localhost:80", "Origin: http://localhost:80\r\nSec-Fetch-Site: same-site\r\n"), 403);
  EXPECT_EQ(with_host("localhost:80", "Sec-Fetch-Site: none\r\n"), 200);
  EXPECT_EQ(with_host("localhost:80", "Origin: http://localhost:80\r\nSec-Fetch-Site: same-origin\r\n"), 200);
}

TEST(Server, is_nobody_elses_name_at_any_address) {
  // A page of evil.example whose name now resolves to this machine: the browser says evil.example, and is its own
  // origin.
  FakeServer server({.host = "0.0.0.0"});
  const auto ask = [&](std::string_view host, std::string_view more = "") {
    return RawClient(server).send(fmt::format("GET /api/v2/info HTTP/1.1\r\nHost: {}\r\n{}\r\n", host, more)).answer();
  };
  const std::string refused = ask("evil.example:8642", "Origin: http://evil.example:8642\r\n");
  EXPECT_EQ(status_of(refused), 421) << refused;
  EXPECT_NE(refused.find("start it with --allowed-host evil.example"), std::string::npos) << refused;
  EXPECT_EQ(status_of(ask("192.168.1.7:8642")), 200) << "nobody makes a number resolve to us";
  EXPECT_EQ(status_of(ask("localhost")), 200);
}

TEST(Server, gives_etags_and_honours_them) {
  FakeServer server;
  RawClient client(server);
  const std::string answer = client.request("GET /api/v2/models/3", kAdmin).answer();
  const auto at = answer.find("etag: ");
  ASSERT_NE(at, std::string::npos);
  const std::string etag = answer.substr(at + 6, answer.find("\r\n", at) - at - 6);
  EXPECT_EQ(
      status_of(client.request("GET /api/v2/models/3", fmt::format("{}If-None-Match: {}\r\n", kAdmin, etag)).answer()),
      304);
  const std::string json = "Content-Type: application/json\r\nContent-Length: 12\r\n";
  EXPECT_EQ(status_of(client
                          .request("PATCH /api/v2/models/3", fmt::format("{}{}If-Match: {}\r\n", kAdmin, json, etag),
                                   R"({"name":"n"})")
                          .answer()),
            200);
  EXPECT_EQ(status_of(client
                          .request("PATCH /api/v2/models/3", fmt::format("{}{}If-Match: \"x\"\r\n", kAdmin, json),
                                   R"({"name":"n"})")
                          .answer()),
            412);
}

TEST(Server, creates_once_for_one_key) {
  FakeServer server;
  RawClient client(server);
  const auto create = [&](std::string_view key, std::string_view body) {
    return client
        .request("POST /api/v2/tenants",
                 fmt::format("{}Content-Type: application/json\r\nContent-Length: {}\r\nIdempotency-Key: {}\r\n",
                             kAdmin, body.size(), key),
                 body)
        .answer();
  };
  const std::string first = create("k1", R"({"name":"a"})");
  EXPECT_EQ(status_of(first), 201);
  const std::string again = create("k1", R"({"name": "a"})");
  EXPECT_EQ(again.substr(again.find("\r\n\r\n")), first.substr(first.find("\r\n\r\n")));
  EXPECT_EQ(server.created, 1);
  EXPECT_EQ(status_of(create("k1", R"({"name":"b"})")), 422);
  EXPECT_EQ(status_of(create("k2", R"({"name":"b"})")), 201);
  EXPECT_EQ(server.created, 2);
}

TEST(Server, names_what_it_does_not_take) {
  FakeServer server;
  const auto post = [&](std::string_view path, std::string_view headers, std::string_view body) {
    return RawClient(server)
        .request(fmt::format("POST {}", path),
                 fmt::format("{}{}\r\nContent-Length: {}\r\n", kAdmin, headers, body.size()), body)
        .answer();
  };
  const std::string_view tenants = "/api/v2/tenants", predict = "/api/v2/models/3/predict";
  for (const std::string_view good : {"application/json", "Application/JSON", "application/json; charset=UTF-8",
                                      "application/json;charset=\"utf-8\"", "application/json; odata=verbose"})
    EXPECT_EQ(status_of(post(tenants, fmt::format("Content-Type: {}", good), R"({"name":"a"})")), 201) << good;
  for (const std::string_view bad :
       {"application/jsonx", "application/json; charset=utf-16", "application/json; charset", "text/json",
        "application/x-www-form-urlencoded", "", "application/json\r\nContent-Type: text/plain"})
    EXPECT_EQ(status_of(post(tenants, fmt::format("Content-Type: {}", bad), R"({"name":"a"})")), 415) << bad;
  const auto says = [](const std::string& answer, std::string_view text) {
    EXPECT_EQ(status_of(answer), 415) << answer;
    EXPECT_NE(answer.find(text), std::string::npos) << answer;
  };
  says(post(tenants, "Content-Type: application/json\r\nContent-Encoding: gzip", "xx"), "Content-Encoding 'gzip'");
  says(post(predict, "Content-Encoding: br", "xx"), "Content-Encoding 'br'");
  says(post(predict, "Content-Type: multipart/form-data; boundary=x", "--x"), "--data-binary @FILE");
  says(post(predict, "Content-Type: application/x-www-form-urlencoded", "image=@bag.png"), "--data-binary @FILE");
  says(post(predict, "Content-Type: application/json", R"({"image":""})"), "not JSON");
  // What curl --data-binary says of a file.
  EXPECT_EQ(status_of(post(predict, "Content-Type: application/x-www-form-urlencoded", "\x89PNG a=b")), 200);
  EXPECT_EQ(status_of(post(predict, "Content-Encoding: identity", "x")), 200);
}

TEST(Server, takes_utf8_only_and_gives_utf8_only) {
  FakeServer server({}, [](Router& router) {
    router.handle(get_tenant, [](const Call&, const TenantRef&) { return Tenant{.name = "cut \xc3"}; });
  });
  RawClient client(server);
  const auto rename = [&](std::string_view body) {
    return status_of(
        client
            .request("PATCH /api/v2/models/1",
                     fmt::format("{}Content-Type: application/json\r\nContent-Length: {}\r\n", kAdmin, body.size()),
                     body)
            .answer());
  };
  EXPECT_EQ(rename("{\"name\":\"\xc3\xa4\"}"), 200);
  for (const std::string_view bad : {"\xc3", "\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\\ud800"})
    EXPECT_EQ(rename(fmt::format("{{\"name\":\"{}\"}}", bad)), 400) << bad;
  for (const std::string_view bad : {"null", "[]", "1", "\"x\"", " ", R"({"name":"a","name":"b"})", R"({"name":"a"} x)",
                                     "\xef\xbb\xbf{\"name\":\"a\"}"})
    EXPECT_EQ(rename(bad), 400) << bad;
  for (const std::string_view bad : {"%ff", "%c3", "%c0%af", "%ed%a0%80"})
    EXPECT_EQ(status_of(client.request(fmt::format("GET /api/v2/tenants/{}", bad), kAdmin).answer()), 400) << bad;
  const std::string answer = client.request("GET /api/v2/tenants/x", kAdmin).answer();
  EXPECT_NE(answer.find("cut \xef\xbf\xbd\""), std::string::npos) << answer;
}

TEST(Server, keeps_connections_of_http_1_0_that_ask_for_it) {
  FakeServer server;
  for (const std::string_view path : {"/healthz", "/api/v2/info", "/api/v2/nothing"}) {
    RawClient client(server);
    const std::string ask = fmt::format("GET {} HTTP/1.0\r\nHost: localhost\r\nConnection: Keep-Alive\r\n\r\n", path);
    for (int i = 0; i < 2; ++i)
      EXPECT_NE(client.send(ask).answer().find("\r\nconnection: keep-alive\r\n"), std::string::npos) << path;
    RawClient other(server);
    EXPECT_NE(
        other.send(fmt::format("GET {} HTTP/1.0\r\nHost: localhost\r\n\r\n", path)).rest().find("connection: close"),
        std::string::npos);
  }
}

TEST(Server, guards_plain_routes_that_are_not_for_anyone) {
  FakeServer server;
  EXPECT_EQ(status_of(once(server, "GET /secrets")), 401);
  EXPECT_EQ(status_of(once(server, "GET /secrets", "Authorization: Bearer wrong\r\n")), 401);
  EXPECT_EQ(status_of(once(server, "GET /secrets", "Authorization: Bearer user\r\n")), 403);
  EXPECT_EQ(status_of(once(server, "GET /secrets", kAdmin)), 200);
}

TEST(Server, says_what_is_wrong_with_a_body) {
  FakeServer server;
  RawClient client(server);
  const auto post = [&](std::string_view type, std::string_view body) {
    return client
        .request("POST /api/v2/tenants",
                 fmt::format("{}Content-Type: {}\r\nContent-Length: {}\r\n", kAdmin, type, body.size()), body)
        .answer();
  };
  EXPECT_EQ(status_of(post("text/plain", "{}")), 415);
  const std::string unknown = post("application/json", R"({"nam":"x"})");
  EXPECT_EQ(status_of(unknown), 400);
  EXPECT_NE(unknown.find("did you mean 'name'"), std::string::npos) << unknown;
  EXPECT_NE(unknown.find(R"("where":"/nam")"), std::string::npos) << unknown;
  EXPECT_EQ(status_of(post("application/json", "{")), 400);
  EXPECT_EQ(status_of(post("application/json", "[1]")), 400);
  EXPECT_EQ(status_of(post("application/json", std::string(100000, '['))), 400);
  EXPECT_EQ(status_of(client.request("GET /api/v2/models/500", kAdmin).answer()), 500);
}

TEST(Server, keeps_its_own_paths_to_itself) {
  FakeServer server({.private_folder = "/srv/ncloud"}, [](Router& router) {
    router.handle(get_model, [](const Call&, const ModelRef& ref) -> Model {
      const std::string which = base::to_text(base::encode(ref));
      if (which.find('1') != std::string::npos) throw base::system_error("cannot open '/var/x/objects/ab'", ENOENT);
      if (which.find('2') != std::string::npos) throw base::system_error("cannot write '/var/x/objects/ab'", ENOSPC);
      if (which.find('3') != std::string::npos)
        throw base::Error(base::Code::internal, "cannot open '/var/x/ncloud.db'");
      if (which.find('4') != std::string::npos)
        throw base::Error(base::Code::too_large, "'/srv/ncloud/objects/ab' is over the limit");
      if (which.find('5') != std::string::npos)
        (void)std::filesystem::file_size("/var/x/nothing/here");  // as a fault of a handler
      throw base::Error(base::Code::disk_full, "no space for this: the quota is 1 GiB");
    });
  });
  for (const int id : {1, 2, 3, 4, 5}) {
    const std::string answer =
        once(server, fmt::format("GET /api/v2/models/{}", id), fmt::format("{}X-Request-Id: r-7\r\n", kAdmin));
    EXPECT_EQ(status_of(answer), id == 2 ? 507 : 500) << answer;
    for (const std::string_view path : {"/var/x", "/srv/ncloud"})
      EXPECT_EQ(answer.find(path), std::string::npos) << answer;
    if (id != 2) {
      EXPECT_NE(answer.find("its log says more at request r-7"), std::string::npos) << answer;
    }
  }
  EXPECT_NE(once(server, "GET /api/v2/models/6", kAdmin).find("the quota is 1 GiB"), std::string::npos);
}

TEST(Server, sends_large_answers_to_slow_readers) {
  FakeServer server;
  Client client = server.client();
  EXPECT_EQ(client.call(get_checkpoint, {.model = 1}).content.size(), 3'000'000u);
}

TEST(Server, sends_files_in_pieces) {
  const base::TemporaryFolder folder;
  std::string content;
  for (int i = 0; i < 200'000; ++i) content += std::to_string(i);
  base::write_file_atomically(folder.path() / "f", content);
  FakeServer server({}, [&](Router& router) {
    router.handle(get_checkpoint, [&](const Call&, const ModelRef& request) {
      const std::int64_t more = request.model.text() == "2" ? 1 : 0;  // the second one is shorter than it says
      return Bytes{.file = OpenFile{base::open_for_reading(folder.path() / "f"),
                                    static_cast<std::int64_t>(content.size()) + more}};
    });
  });
  RawClient client(server);
  const std::string head = client.request("HEAD /api/v2/models/1/checkpoint", kAdmin).answer(false);
  EXPECT_NE(head.find(fmt::format("content-length: {}\r\n", content.size())), std::string::npos) << head;
  for (int i = 0; i < 2; ++i) {
    const std::string answer = client.request("GET /api/v2/models/1/checkpoint", kAdmin).answer();
    EXPECT_TRUE(answer.substr(answer.find("\r\n\r\n") + 4) == content);
  }
  client.request("GET /api/v2/models/2/checkpoint", kAdmin);
  const std::string cut = client.rest();  // to the end of the connection
  EXPECT_EQ(cut.size() - cut.find("\r\n\r\n") - 4, content.size());
}

TEST(Server, gives_a_revoked_token_nothing_that_its_slow_reader_has_not_taken) {
  const base::TemporaryFolder folder;
  const std::string content(std::size_t{32} << 20, 'w');
  base::write_file_atomically(folder.path() / "f", content);
  FakeServer server({}, [&](Router& router) {
    router.handle(get_checkpoint, [&](const Call&, const ModelRef&) {
      return Bytes{
          .file = OpenFile{base::open_for_reading(folder.path() / "f"), static_cast<std::int64_t>(content.size())}};
    });
  });
  RawClient client(server);
  client.request("GET /api/v2/models/1/checkpoint", kAdmin);
  ASSERT_TRUE(client.read_until("wwww"));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // until both kernels' buffers are full
  {
    const std::lock_guard lock(server.mutex);
    server.revoked.insert("admin");
  }
  server.server->check_tokens();
  EXPECT_TRUE(client.is_reset()) << "though it has not read what is on its way";
  EXPECT_LT(client.rest().size(), content.size());
}

TEST(Server, works_on_other_requests_while_one_waits) {
  FakeServer server;
  server.busy = true;
  RawClient waiting(server);
  waiting.request("POST /api/v2/models/3/predict", fmt::format("{}Content-Length: 1\r\n", kAdmin), "x");
  EXPECT_EQ(status_of(once(server, "GET /api/v2/info")), 200);
  server.busy = false;
  EXPECT_EQ(status_of(waiting.answer()), 200);
}

TEST(Server, holds_no_worker_for_an_answer_that_comes_later) {
  std::mutex mutex;
  std::vector<Later<Prediction>> promised;
  FakeServer server({.worker_threads = 1}, [&](Router& router) {
    router.handle(predict, [&](const Call&, const Predict& request) {
      if (request.model.text() == "404") throw base::Error(base::Code::not_found, "there is no model 404");
      const std::lock_guard lock(mutex);
      return promised.emplace_back();
    });
  });
  std::vector<std::unique_ptr<RawClient>> clients;
  const std::string headers = fmt::format("{}Content-Length: 1\r\n", kAdmin);
  for (int i = 0; i < 10; ++i)
    clients.emplace_back(std::make_unique<RawClient>(server))->request("POST /api/v2/models/3/predict", headers, "x");
  EXPECT_EQ(status_of(once(server, "POST /api/v2/models/404/predict", headers, "x")), 404);
  EXPECT_EQ(status_of(once(server, "GET /api/v2/me", kAdmin)), 200);
  for (bool all = false; !all;) {
    const std::lock_guard lock(mutex);
    all = promised.size() == clients.size();
  }
  for (std::size_t i = 0; i < promised.size(); ++i) {
    if (i % 2 == 0)
      promised[i].complete(Prediction{{{.probability = 1, .index = 1, .label = "boot"}}});
    else
      promised[i].complete(std::make_exception_ptr(base::Error(base::Code::unavailable, "try again")));
  }
  int right = 0, unavailable = 0;
  for (const auto& client : clients) {
    const std::string answer = client->answer();
    right += status_of(answer) == 200 && answer.find(R"("label":"boot")") != std::string::npos;
    unavailable += status_of(answer) == 503;
  }
  EXPECT_EQ(right, 5);
  EXPECT_EQ(unavailable, 5);
  EXPECT_EQ(status_of(clients[0]->request("GET /api/v2/info").answer()), 200);  // the connection goes on
}

TEST(Server, abandons_what_clients_that_left_wait_for) {
  std::mutex mutex;
  std::vector<Later<Prediction>> promised;
  std::atomic<int> abandoned = 0;
  FakeServer server({.header_timeout_ms = 100}, [&](Router& router) {  // the shortest patience sets the tick
    router.handle(predict, [&](const Call&, const Predict&) {
      const Later<Prediction> answer;
      answer.on_abandoned([&abandoned, answer = &promised, &mutex, i = promised.size()] {
        ++abandoned;
        const std::lock_guard lock(mutex);
        answer->at(i).complete(std::make_exception_ptr(base::Error(base::Code::unavailable, "left")));
      });
      const std::lock_guard lock(mutex);
      return promised.emplace_back(answer);
    });
  });
  const std::string headers = fmt::format("{}Content-Length: 1\r\n", kAdmin);
  const auto wait_for = [](const auto& there) {
    for (int i = 0; i < 1000 && !there(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return there();
  };
  const auto came = [&](std::size_t count) {
    return wait_for([&] {
      const std::lock_guard lock(mutex);
      return promised.size() == count;
    });
  };
  RawClient stays(server);
  stays.request("POST /api/v2/models/3/predict", headers, "x");
  stays.send("GET /api/v2/info");  // more than it asked for does not hide that it is there, or is not
  ASSERT_TRUE(came(1));
  {
    RawClient leaves(server);
    leaves.request("POST /api/v2/models/3/predict", headers, "x");
    leaves.send("GET /api/v2/info");
    ASSERT_TRUE(came(2));
  }
  EXPECT_TRUE(wait_for([&] { return abandoned == 1; }));
  RawClient half(server);  // ends its side and reads: it hears of it
  half.request("POST /api/v2/models/3/predict", headers, "x");
  ASSERT_TRUE(came(3));
  ::shutdown(half.socket(), SHUT_WR);
  EXPECT_EQ(status_of(half.answer()), 503);
  EXPECT_EQ(abandoned, 2);
  {
    const std::lock_guard lock(mutex);
    promised[0].complete(Prediction{{{.probability = 1, .index = 1, .label = "boot"}}});
  }
  EXPECT_EQ(status_of(stays.answer()), 200);
}

TEST(Server, says_that_it_lives_when_every_worker_is_taken) {
  FakeServer server({.worker_threads = 1});
  server.busy = true;
  RawClient waiting(server);
  waiting.request("POST /api/v2/models/3/predict", fmt::format("{}Content-Length: 1\r\n", kAdmin), "x");
  EXPECT_EQ(status_of(once(server, "GET /healthz")), 200);
  server.busy = false;
  EXPECT_EQ(status_of(waiting.answer()), 200);
}

TEST(Server, with_several_io_threads) {
  FakeServer server({.io_threads = 3});
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      Client client = server.client();
      for (int i = 0; i < 50; ++i) right += client.call(get_model, {.model = t * 1000 + i}).id == t * 1000 + i;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 8 * 50);
}

TEST(Server, refuses_a_taken_port) {
  FakeServer server;
  ServerOptions options;
  options.port = server.server->port();
  try {
    Server second(server.router, {}, options);
    FAIL() << "two servers at one port";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::unavailable);
    EXPECT_NE(error.message.find("another ncloudd"), std::string::npos);
  }
  options.host = "192.0.2.1";
  options.port = 0;
  EXPECT_THROW(Server(server.router, {}, options), base::Error);
}

}  // namespace
}  // namespace api
