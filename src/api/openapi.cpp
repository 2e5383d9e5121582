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

json::object json_content(const json::value& schema) { return {{"application/json", {{"schema", schema}}}}; }

json::object any_bytes(int least = 0) {
  json::object schema{{"type", "string"}, {"format", "binary"}};
  if (least > 0) schema["minLength"] = least;
  return {{"application/octet-stream", {{"schema", schema}}}};
}

/// What is written once and referred to: types by their names, and the problems that many operations answer with.
class Components {
 public:
  /// A request's schema, or an answer's, with each named type in it as a reference.
  json::value request(const json::value& schema) { return refer(schema, true); }
  json::value answer(const json::value& schema) { return refer(schema, false); }

  json::object problem(int status, const std::string& description) {
    std::string name = status == 0 ? "AnyProblem" : "";
    for (const char c : status == 0 ? std::string_view() : reason_phrase(status))
      if (c != ' ') name += c;
    problems_[name] = {{"description", description},
                       {"content", {{kProblemType, {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}};
    return {{"$ref", "#/components/responses/" + name}};
  }

  json::object all() const {
    json::object schemas, responses;
    for (const auto& [name, schema] : schemas_) schemas[name] = schema;
    for (const auto& [name, response] : problems_) responses[name] = response;
    schemas["Problem"] = problem_schema();
    return {{"schemas", schemas},
            {"responses", responses},
            {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}};
  }

 private:
  json::value refer(const json::value& value, bool is_request) {
    if (value.is_array()) {
      json::array items;
      for (const json::value& item : value.get_array()) items.push_back(refer(item, is_request));
      return items;
    }
    if (!value.is_object()) return value;
    const json::object& schema = value.get_object();
    json::object own, around;  // the type itself; what is said of it where it is used
    for (const auto& member : schema) {
      const std::string_view key = member.key();
      if (key == "properties") {
        json::object properties;
        for (const auto& property : member.value().as_object())
          properties[property.key()] = refer(property.value(), is_request);
        own[key] = properties;
      } else if (key == "items" || key == "additionalProperties" || key == "anyOf") {
        own[key] = refer(member.value(), is_request);
      } else {
        const bool of_type = key == "title" || key == "type" || key == "enum" || key == "required";
        (of_type ? own : around)[key] = member.value();
      }
    }
    if (!is_request) make_answer(schema, own, around);
    if (is_integer(own)) bound_integer(around, is_request);
    if (const json::value* title = own.if_contains("title")) {
      const json::object reference{
          {"$ref", "#/components/schemas/" + keep(std::string(title->as_string()), own, is_request)}};
      if (around.empty()) return reference;
      around["allOf"] = json::array{reference};
      return around;
    }
    for (const auto& member : around) own[member.key()] = member.value();
    return own;
  }

  static bool is_integer(const json::object& schema) {
    const json::value* type = schema.if_contains("type");
    return type != nullptr && *type == "integer";
  }

  /// Whole numbers have whole bounds, and requests those of 64 bits.
  static void bound_integer(json::object& around, bool is_request) {
    for (const std::string_view key : {"minimum", "maximum", "exclusiveMinimum"})
      if (json::value* bound = around.if_contains(key); bound != nullptr && bound->is_double())
        *bound = static_cast<std::int64_t>(bound->get_double());
    if (!is_request) return;
    if (!around.contains("minimum") && !around.contains("exclusiveMinimum"))
      around["minimum"] = std::numeric_limits<std::int64_t>::min();
    if (!around.contains("maximum")) around["maximum"] = std::numeric_limits<std::int64_t>::max();
  }

  /// An answer has every member that is not optional (those have no default), and may get further ones in later
  /// versions.
  static void make_answer(const json::object& schema, json::object& own, json::object& around) {
    around.erase("default");
    const json::value* properties = schema.if_contains("properties");
    if (properties == nullptr) return;
    own.erase("additionalProperties");
    json::array required;
    for (const auto& property : properties->as_object())
      if (is_required(schema, property.key()) || property.value().as_object().contains("default"))
        required.push_back(json::value(property.key()));
    if (!required.empty()) own["required"] = required;
  }

  /// The name that a type gets: its own, with "Input" behind it when answers have another form of it.
  std::string keep(std::string name, const json::object& schema, bool is_request) {
    const auto known = schemas_.find(name);
    if (known != schemas_.end() && known->second != schema) name += is_request ? "Input" : "Answer";
    schemas_[name] = schema;
    schemas_[name]["title"] = name;
    return name;
  }

  std::map<std::string, json::object> schemas_;   // by name
  std::map<std::string, json::object> problems_;  // by name
};

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

void add_request(json::object& entry, const OperationInfo& operation, Components& components) {
  const json::object schema = operation.request_schema();
  json::array parameters;
  json::object body_properties;
  json::array body_required;
  if (const json::value* properties = schema.if_contains("properties")) {
    for (const auto& property : properties->as_object()) {
      const std::string_view name = property.key();
      if (in_path(operation, name)) {
        parameters.push_back(parameter(name, "path", components.request(property.value()).as_object(), true));
      } else if (fields_in_query(operation)) {
        parameters.push_back(
            parameter(name, "query", components.request(property.value()).as_object(), is_required(schema, name)));
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
                   {"minLength", 1},
                   {"maxLength", 255},
                   {"pattern", "^[!-~]+$"},
                   {"description", "a repeated request with the same key gets the first one's answer"}},
                  false));
  if (operation.method == Method::patch)
    parameters.push_back(parameter(
        "If-Match", "header", {{"type", "string"}, {"description", "ETag of what the change is based on"}}, false));
  if (operation.response_kind == BodyKind::events)
    parameters.push_back(
        parameter("Last-Event-ID", "header",
                  {{"type", "string"}, {"pattern", "^[0-9]{1,18}$"}, {"description", "stands for `after`"}}, false));
  if (!parameters.empty()) entry["parameters"] = parameters;

  if (operation.request_kind == BodyKind::bytes) {
    entry["requestBody"] = {{"required", true}, {"content", any_bytes(1)}};
  } else if (!body_properties.empty()) {
    json::object body{{"title", schema.at("title")},
                      {"type", "object"},
                      {"properties", body_properties},
                      {"additionalProperties", false}};
    if (!body_required.empty()) body["required"] = body_required;
    json::object content = json_content(components.request(body));
    if (!operation.example.empty())
      content["application/json"].as_object()["example"] = base::parse_json(operation.example, operation.name);
    entry["requestBody"] = {{"required", !body_required.empty()}, {"content", content}};
  }
}

bool has_content(const json::object& schema) {
  const json::value* properties = schema.if_contains("properties");
  return properties == nullptr || !properties->as_object().empty();
}

/// Statuses that an operation may answer with, beside that of success.
std::set<int> refusals_of(const OperationInfo& operation) {
  using base::Code;
  std::set<Code> codes(operation.errors.begin(), operation.errors.end());
  codes.insert({Code::invalid_argument, Code::permission_denied, Code::internal, Code::unavailable});
  if (operation.permission != Permission::anyone) codes.insert({Code::unauthenticated, Code::too_many});
  if (operation.path.find('{') != std::string_view::npos) codes.insert(Code::not_found);
  const bool changes = operation.method != Method::get;
  if (changes) codes.insert(Code::disk_full);
  if (operation.method == Method::patch) codes.insert(Code::precondition_failed);
  std::set<int> statuses{421};
  for (const Code code : codes) statuses.insert(base::kind_of(code).http_status);
  if (changes && operation.method != Method::del) statuses.insert({408, 413, 415});
  if (operation.creates) statuses.insert({409, 422});
  return statuses;
}

/// What a status means: of the codes that have it, and of those that the protocol itself adds.
std::string meaning_of(int status) {
  static const std::map<int, std::string_view> of_protocol{
      {403, "the request comes from a page of another origin"},
      {408, "the request came too slowly"},
      {409, "the first request with this Idempotency-Key is still being worked on"},
      {415, "the body is of another type or encoding than the operation takes"},
      {421, "the Host header is no name of this server"},
      {422, "this Idempotency-Key was used for another request"}};
  std::string text;
  for (const base::ErrorKind& kind : base::error_kinds())
    if (kind.http_status == status) text += fmt::format("{}{} (`{}`)", text.empty() ? "" : "; ", kind.title, kind.name);
  if (const auto found = of_protocol.find(status); found != of_protocol.end())
    text += fmt::format("{}{}", text.empty() ? "" : "; ", found->second);
  return text;
}

json::object event_content(const OperationInfo& operation, Components& components) {
  const json::object end{{"type", "object"}, {"maxProperties", 0}};
  return {{"text/event-stream",
           {{"schema", {{"type", "string"}}},
            {"x-event-schemas", {{"message", components.answer(operation.response_schema())}, {"end", end}}}}}};
}

void add_responses(json::object& entry, const OperationInfo& operation, Components& components) {
  std::map<std::string, json::object> responses;
  if (operation.response_kind == BodyKind::bytes) {
    responses["200"] = {{"description", "The bytes"}, {"content", any_bytes()}};
  } else if (operation.response_kind == BodyKind::events) {
    responses["200"] = {{"description",
                         "Server-sent events; the data of each is one JSON object, of the schema that x-event-schemas "
                         "has for the event's name. `event: end` is the last and says that no more will come."},
                        {"content", event_content(operation, components)}};
  } else if (const json::object schema = operation.response_schema(); has_content(schema)) {
    responses[operation.creates ? "201" : "200"] = {{"description", operation.creates ? "Created" : "OK"},
                                                    {"content", json_content(components.answer(schema))}};
  } else {
    responses["204"] = {{"description", "Done"}};
  }
  if (operation.method == Method::get && operation.response_kind == BodyKind::json)
    responses["304"] = {{"description", "It is still what If-None-Match names"}};
  for (const int status : refusals_of(operation))
    responses[std::to_string(status)] = components.problem(status, meaning_of(status));
  json::object sorted;
  for (const auto& [status, response] : responses) sorted[status] = response;
  sorted["default"] = components.problem(0, "Any other refusal, of the protocol or on the way");
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
  for (const std::string& tag : tags)
    tag_list.push_back(json::object{{"name", tag}, {"description", fmt::format("Operations at /api/v2/{}", tag)}});
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "ncloud"},
            {"version", server_version},
            {"description", "A deep learning cloud. Errors are problem details (RFC 9457)."}}},
          {"servers", {json::object{{"url", "/"}, {"description", "where this document comes from"}}}},
          {"tags", tag_list},
          {"security", {json::object{{"bearer", json::array()}}}},
          {"paths", paths},
          {"components", components.all()}};
}

}  // namespace api
