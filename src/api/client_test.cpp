#include "api/client.h"

#include "api/http/fake_server_test.h"
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
