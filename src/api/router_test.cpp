#include "api/router.h"

#include <gtest/gtest.h>

#include <set>

#include "api/openapi.h"
#include "api/resources/models.h"
#include "api/resources/tenants.h"
#include "api/resources/users.h"

namespace api {
namespace {

namespace json = base::json;

TEST(Router, matches_methods_and_paths) {
  std::map<std::string, std::string> parameters;
  std::vector<Method> allowed;
  EXPECT_EQ(match(Method::get, "/api/v2/models/17", parameters, allowed), &get_model);
  EXPECT_EQ(parameters.at("model"), "17");
  allowed.clear();
  EXPECT_EQ(match(Method::put, "/api/v2/models/17", parameters, allowed), nullptr);
  EXPECT_EQ(std::set<Method>(allowed.begin(), allowed.end()),
            (std::set<Method>{Method::get, Method::patch, Method::del}));
  allowed.clear();
  for (const std::string_view path :
       {"/api/v2/models/", "/api/v2/models//events", "/api/v2", "", "/", "api/v2/x/y/z", "/api/v2/models/1/stop/"}) {
    EXPECT_EQ(match(Method::get, path, parameters, allowed), nullptr) << path;
    EXPECT_TRUE(allowed.empty()) << path;
  }
}

TEST(Router, joins_what_travels_apart) {
  EXPECT_EQ(join_request(list_models, {}, {{"state", "running"}, {"state", "error"}, {"page_size", "7"}}, std::nullopt),
            (json::object{{"state", {"running", "error"}}, {"page_size", 7}}));
  EXPECT_EQ(join_request(follow_model, {{"model", "3"}}, {{"follow", "false"}}, std::nullopt),
            (json::object{{"model", "3"}, {"follow", false}}));
  EXPECT_EQ(join_request(get_tenant, {{"tenant", "007"}}, {}, std::nullopt), (json::object{{"tenant", "007"}}));
}

TEST(Router, refuses_what_does_not_fit) {
  const auto refused = [](auto&& join) {
    try {
      join();
    } catch (const base::Error& error) {
      return error.code == base::Code::invalid_argument ? error.message : std::string("another code");
    }
    return std::string();
  };
  EXPECT_EQ(refused([] { join_request(revoke_token, {{"token", "abc"}}, {}, std::nullopt); }),
            "token: expected a whole number, got 'abc'");
  EXPECT_EQ(refused([] { join_request(list_models, {}, {{"page_siz", "1"}}, std::nullopt); }),
            "unknown parameter 'page_siz'; did you mean 'page_size'?");
  EXPECT_NE(refused([] { join_request(list_models, {}, {{"page_size", "1"}, {"page_size", "2"}}, std::nullopt); }), "");
  EXPECT_NE(refused([] { join_request(rename_model, {{"model", "1"}}, {}, json::value(json::object{{"model", 2}})); }),
            "");
  EXPECT_NE(refused([] { join_request(rename_model, {{"model", "1"}}, {{"name", "x"}}, std::nullopt); }), "");
  EXPECT_NE(refused([] { join_request(rename_model, {{"model", "1"}}, {}, json::value("text")); }), "");
  EXPECT_NE(refused([] { join_request(rename_model, {{"model", "1"}}, {}, json::value(nullptr)); }), "");
  EXPECT_NE(refused([] { join_request(revoke_token, {{"token", "99999999999999999999999"}}, {}, std::nullopt); }), "");
}

TEST(Router, names_operations_without_handlers) {
  Router router;
  EXPECT_EQ(router.unhandled().size(), operations().size());
  router.handle(get_tenant, [](const Call&, const TenantRef&) { return Tenant{}; });
  EXPECT_EQ(router.unhandled().size(), operations().size() - 1);
  EXPECT_THROW(router.call(get_model, {}, json::object{{"model", 1}}), base::Error);
}

TEST(Router, compares_what_lasts_and_tells_apart_what_passes) {
  Model model{.id = 1, .name = "m", .reason = "waits behind model 3", .estimated_start = "soon"};
  const Call read{.if_match = etag_of(base::encode(model), passing_of<Model>())};
  Model later = model;
  later.reason = "waits behind model 4";
  later.estimated_start = "later";
  EXPECT_NE(etag_of(base::encode(later), passing_of<Model>()), read.if_match);  // a cache must not show the old one
  EXPECT_NO_THROW(check_if_match(read, later));
  later.name = "n";
  EXPECT_THROW(check_if_match(read, later), base::Error);
}

TEST(Contract, every_path_parameter_is_a_field_and_names_are_unique) {
  std::set<std::string_view> names;
  std::set<std::pair<std::string_view, Method>> places;
  for (const OperationInfo* operation : operations()) {
    EXPECT_TRUE(names.insert(operation->name).second) << operation->name;
    EXPECT_TRUE(places.insert({operation->path, operation->method}).second) << operation->path;
    const json::object schema = operation->request_schema();
    for (auto open = operation->path.find('{'); open != std::string_view::npos;
         open = operation->path.find('{', open + 1)) {
      const std::string_view name = operation->path.substr(open + 1, operation->path.find('}', open) - open - 1);
      EXPECT_TRUE(schema.at("properties").as_object().contains(name)) << operation->name;
    }
    if (operation->example.empty()) continue;
    json::object example = base::parse_json(operation->example, operation->name).as_object();
    for (const auto& property : schema.at("properties").as_object())
      if (operation->path.find(fmt::format("{{{}}}", std::string_view(property.key()))) != std::string_view::npos)
        example[property.key()] = value_from_text(property.key(), property.value().as_object(), "1");
    EXPECT_NO_THROW(operation->check_request(example)) << operation->name;
  }
}

void collect_references(const json::value& value, std::set<std::string>& found) {
  if (value.is_array())
    for (const json::value& item : value.get_array()) collect_references(item, found);
  if (!value.is_object()) return;
  for (const auto& member : value.get_object()) {
    if (std::string_view(member.key()) == "$ref") found.insert(std::string(member.value().as_string()));
    collect_references(member.value(), found);
  }
}

TEST(Openapi, describes_every_operation) {
  const json::object document = openapi("1.2.3");
  EXPECT_EQ(document.at("openapi"), "3.1.0");
  EXPECT_EQ(base::to_text(document), base::to_text(openapi("1.2.3")));
  for (const OperationInfo* operation : operations()) {
    std::string method(base::word(operation->method));
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    const json::object& entry = document.at("paths").at(operation->path).at(method).as_object();
    EXPECT_EQ(std::string_view(entry.at("operationId").as_string()), operation->name);
    EXPECT_TRUE(entry.at("responses").as_object().contains("400"));
    EXPECT_EQ(entry.contains("security"), operation->permission == Permission::anyone);
  }
  const json::value whole(document);
  std::set<std::string> references;
  collect_references(document, references);
  EXPECT_GT(references.size(), 10u);
  for (const std::string& reference : references) {
    json::error_code error;
    whole.find_pointer(reference.substr(1), error);
    EXPECT_FALSE(error) << reference;
  }
  const json::object& schemas = document.at("components").at("schemas").as_object();
  for (const std::string_view name :
       {"Model", "ModelPage", "ModelState", "Dataset", "Token", "TrainModel", "TrainingEvent"})
    EXPECT_TRUE(schemas.contains(name)) << name;
  for (const auto& schema : schemas)
    EXPECT_EQ(std::string_view(schema.key()).find("Response"), std::string_view::npos) << schema.key();
  // An answer's members are there; those that may be missing are optional ones.
  const json::array& required = schemas.at("Model").at("required").as_array();
  EXPECT_NE(std::find(required.begin(), required.end(), "name"), required.end());
  EXPECT_EQ(std::find(required.begin(), required.end(), "ended_at"), required.end());
  EXPECT_FALSE(schemas.at("Model").as_object().contains("additionalProperties"));
  const json::object& predict = document.at("paths").at("/api/v2/models/{model}/predict").at("post").as_object();
  EXPECT_EQ(predict.at("requestBody").at("content").at("application/octet-stream").at("schema").at("format"), "binary");
  for (const std::string_view status : {"400", "401", "404", "413", "415", "422", "429", "503", "default"})
    EXPECT_TRUE(document.at("paths").at("/api/v2/models").at("post").at("responses").as_object().contains(status) ||
                status == "404")
        << status;
  EXPECT_EQ(document.at("servers").as_array().at(0).at("url"), "/");
  EXPECT_TRUE(document.at("tags").is_array());
  EXPECT_TRUE(document.at("security").is_array());
  EXPECT_TRUE(document.at("components").at("schemas").at("Problem").at("required").is_array());
  const json::array& state = document.at("paths").at("/api/v2/models").at("get").at("parameters").as_array();
  EXPECT_EQ(state.at(0).at("name"), "state");
  EXPECT_EQ(state.at(0).at("explode"), true);
}

}  // namespace
}  // namespace api
