#include "api/openapi.h"

#include <set>

#include "api/problem.h"

namespace api {
namespace {

namespace json = base::json;

bool in_path(const OperationInfo& operation, std::string_view field) {
  return operation.path.find(fmt::format("{{{}}}", field)) != std::string_view::npos;
}

bool fields_in_query(const OperationInfo& operation) {
  return operation.method == Method::get || operation.method == Method::del ||
         operation.request_kind == BodyKind::bytes;
}

bool is_required(const json::object& schema, std::string_view field) {
  const json::value* required = schema.if_contains("required");
  if (required == nullptr) return false;
  for (const json::value& each : required->as_array())
    if (each == json::value(field)) return true;
  return false;
}

/// "models" of "/api/v2/models/{model}/stop".
std::string tag_of(const OperationInfo& operation) {
  std::string_view rest = operation.path.substr(std::string_view("/api/v2/").size());
  return std::string(rest.substr(0, rest.find('/')));
}

/// "CreateModel" of "create_model".
std::string camel(std::string_view name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out;
}

json::object json_content(const json::value& schema) { return {{"application/json", {{"schema", schema}}}}; }

json::object parameter(std::string_view name, std::string_view place, json::object schema, bool required) {
  json::object result{{"name", name}, {"in", place}, {"required", required}};
  if (const json::value* description = schema.if_contains("description")) {
    result["description"] = *description;
    schema.erase("description");
  }
  if (schema.contains("items")) {
    result["style"] = "form";
    result["explode"] = true;
  }
  result["schema"] = schema;
  return result;
}

/// Gives each described struct one component and refers to it.
class Components {
 public:
  json::value refer(std::string name, const json::object& schema) {
    const std::string text = base::to_text(schema);
    const auto known = names_.find(text);
    if (known != names_.end()) {
      name = known->second;
    } else {
      names_[text] = name;
      schemas_[name] = schema;
    }
    return json::object{{"$ref", "#/components/schemas/" + name}};
  }

  json::object schemas() const {
    json::object sorted;
    for (const auto& [name, schema] : schemas_) sorted[name] = schema;
    return sorted;
  }

 private:
  std::map<std::string, std::string> names_;     // of a schema's text
  std::map<std::string, json::object> schemas_;  // by name
};

void add_request(json::object& entry, const OperationInfo& operation, Components& components) {
  const json::object schema = operation.request_schema();
  json::array parameters;
  json::object body_properties;
  json::array body_required;
  if (const json::value* properties = schema.if_contains("properties")) {
    for (const auto& property : properties->as_object()) {
      const std::string_view name = property.key();
      if (in_path(operation, name)) {
        parameters.push_back(parameter(name, "path", property.value().as_object(), true));
      } else if (fields_in_query(operation)) {
        parameters.push_back(parameter(name, "query", property.value().as_object(), is_required(schema, name)));
      } else {
        body_properties[name] = property.value();
        if (is_required(schema, name)) body_required.push_back(json::value(name));
      }
    }
  }
  if (operation.creates)
    parameters.push_back(
        parameter("Idempotency-Key", "header",
                  {{"type", "string"},
                   {"maxLength", 255},
                   {"description", "a repeated request with the same key gets the first one's answer"}},
                  false));
  if (operation.method == Method::patch)
    parameters.push_back(parameter(
        "If-Match", "header", {{"type", "string"}, {"description", "ETag of what the change is based on"}}, false));
  if (operation.response_kind == BodyKind::events)
    parameters.push_back(
        parameter("Last-Event-ID", "header", {{"type", "string"}, {"description", "stands for `after`"}}, false));
  if (!parameters.empty()) entry["parameters"] = parameters;

  if (operation.request_kind == BodyKind::bytes) {
    entry["requestBody"] = {{"required", true}, {"content", {{"application/octet-stream", json::object()}}}};
  } else if (!body_properties.empty()) {
    json::object body{{"type", "object"}, {"properties", body_properties}, {"additionalProperties", false}};
    if (!body_required.empty()) body["required"] = body_required;
    json::object content = json_content(components.refer(camel(operation.name) + "Request", body));
    if (!operation.example.empty())
      content["application/json"].as_object()["example"] = base::parse_json(operation.example, operation.name);
    entry["requestBody"] = {{"required", !body_required.empty()}, {"content", content}};
  }
}

bool has_content(const json::object& schema) {
  const json::value* properties = schema.if_contains("properties");
  return properties == nullptr || !properties->as_object().empty();
}

void add_responses(json::object& entry, const OperationInfo& operation, Components& components) {
  std::map<std::string, json::object> responses;
  if (operation.response_kind == BodyKind::bytes) {
    responses["200"] = {{"description", "The bytes"}, {"content", {{"application/octet-stream", json::object()}}}};
  } else if (operation.response_kind == BodyKind::events) {
    const json::value schema = components.refer(camel(operation.name) + "Event", operation.response_schema());
    responses["200"] = {
        {"description",
         "Server-sent events; the data of each is one JSON object. A last `event: end` says that no more will come."},
        {"content", {{"text/event-stream", {{"schema", {{"type", "string"}}}, {"x-event-schema", schema}}}}}};
  } else if (const json::object schema = operation.response_schema(); has_content(schema)) {
    responses[operation.creates ? "201" : "200"] = {
        {"description", operation.creates ? "Created" : "OK"},
        {"content", json_content(components.refer(camel(operation.name) + "Response", schema))}};
  } else {
    responses["204"] = {{"description", "Done"}};
  }

  std::set<base::Code> codes(operation.errors.begin(), operation.errors.end());
  codes.insert({base::Code::invalid_argument, base::Code::internal, base::Code::unavailable});
  if (operation.permission != Permission::anyone) codes.insert(base::Code::unauthenticated);
  if (operation.permission == Permission::admin) codes.insert(base::Code::permission_denied);
  if (operation.path.find('{') != std::string_view::npos) codes.insert(base::Code::not_found);
  if (operation.method != Method::get && operation.method != Method::del) codes.insert(base::Code::too_large);
  std::map<int, std::string> words;
  for (const base::Code code : codes) {
    const base::ErrorKind& kind = base::kind_of(code);
    std::string& text = words[kind.http_status];
    text += fmt::format("{}{} (`{}`)", text.empty() ? "" : "; ", kind.title, kind.name);
  }
  for (const auto& [status, text] : words)
    responses[std::to_string(status)] = {
        {"description", text}, {"content", {{kProblemType, {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}};
  json::object sorted;
  for (const auto& [status, response] : responses) sorted[status] = response;
  entry["responses"] = sorted;
}

json::object entry_of(const OperationInfo& operation, Components& components) {
  json::object entry{{"operationId", operation.name}, {"summary", operation.summary}, {"tags", {tag_of(operation)}}};
  if (operation.permission == Permission::anyone) entry["security"] = json::array();
  entry["x-permission"] = base::word(operation.permission);
  add_request(entry, operation, components);
  add_responses(entry, operation, components);
  return entry;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

json::object openapi(std::string_view server_version) {
  std::vector<const OperationInfo*> sorted = operations();
  std::sort(sorted.begin(), sorted.end(), [](const OperationInfo* a, const OperationInfo* b) {
    return std::tie(a->path, a->method) < std::tie(b->path, b->method);
  });
  Components components;
  json::object paths;
  std::set<std::string> tags;
  for (const OperationInfo* operation : sorted) {
    json::value& path = paths[operation->path];
    if (!path.is_object()) path = json::object();
    path.as_object()[lower(base::word(operation->method))] = entry_of(*operation, components);
    tags.insert(tag_of(*operation));
  }
  json::array tag_list;
  for (const std::string& tag : tags) tag_list.push_back(json::object{{"name", tag}});
  json::object schemas = components.schemas();
  schemas["Problem"] = problem_schema();
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "ncloud"},
            {"version", server_version},
            {"description", "A deep learning cloud. Errors are problem details (RFC 9457)."}}},
          {"tags", tag_list},
          {"security", {json::object{{"bearer", json::array()}}}},
          {"paths", paths},
          {"components",
           {{"schemas", schemas}, {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

}  // namespace api
