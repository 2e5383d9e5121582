#include "api/router.h"

#include "api/argument.h"
#include "base/sha256.h"

namespace api {
namespace {

using base::Code;
using base::Error;
namespace json = base::json;

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> parts;
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (true) {
    const auto slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

bool is_parameter(std::string_view part) { return part.size() > 2 && part.front() == '{' && part.back() == '}'; }

/// The name without its braces.
std::string_view parameter_name(std::string_view part) { return part.substr(1, part.size() - 2); }

/// Paths of the contract, split once.
struct Route {
  const OperationInfo* operation;
  std::vector<std::string_view> parts;
};

const std::vector<Route>& routes() {
  static const std::vector<Route> all = [] {
    std::vector<Route> result;
    for (const OperationInfo* operation : operations()) result.push_back({operation, split_path(operation->path)});
    return result;
  }();
  return all;
}

bool fits(const Route& route, const std::vector<std::string_view>& parts) {
  if (route.parts.size() != parts.size()) return false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (is_parameter(route.parts[i]) ? parts[i].empty() : parts[i] != route.parts[i]) return false;
  }
  return true;
}

const json::object* property(const json::object& schema, std::string_view name) {
  const json::value* properties = schema.if_contains("properties");
  if (properties == nullptr) return nullptr;
  const json::value* found = properties->as_object().if_contains(name);
  return found == nullptr ? nullptr : &found->as_object();
}

void add_query_value(json::object& request, const json::object& schema, std::string_view name, std::string_view text) {
  const json::object* described = property(schema, name);
  if (described == nullptr) {
    std::vector<std::string_view> known;
    if (const json::value* properties = schema.if_contains("properties"))
      for (const auto& member : properties->as_object()) known.push_back(member.key());
    throw Error(Code::invalid_argument, base::unknown_word("parameter", name, known), base::pointer_to("", name));
  }
  if (described->if_contains("items") != nullptr) {
    json::value& list = request[name];
    if (!list.is_array()) list = json::array();
    list.as_array().push_back(value_from_text(name, described->at("items").as_object(), text));
    return;
  }
  if (request.contains(name))
    throw Error(Code::invalid_argument, fmt::format("parameter '{}' is given more than once", name),
                base::pointer_to("", name));
  request[name] = value_from_text(name, *described, text);
}

/// Schemas are made once an operation; requests only read them.
const json::object& request_schema_of(const OperationInfo& operation) {
  static const std::map<const OperationInfo*, json::object> all = [] {
    std::map<const OperationInfo*, json::object> result;
    for (const OperationInfo* each : operations()) result[each] = each->request_schema();
    return result;
  }();
  return all.at(&operation);
}

}  // namespace

std::string etag_of(const json::value& resource, std::span<const std::string_view> passing) {
  const auto hash = [](const json::value& value) { return base::sha256(base::to_text(value)).substr(0, 32); };
  if (passing.empty() || !resource.is_object()) return fmt::format("\"{}\"", hash(resource));
  json::object lasting = resource.get_object();
  for (const std::string_view name : passing) lasting.erase(name);
  return fmt::format("\"{}-{}\"", hash(lasting), hash(resource));
}

void check_if_match(const Call& call, const json::value& current, std::span<const std::string_view> passing) {
  if (call.if_match.empty() || call.if_match == "*") return;
  const std::string etag = etag_of(current, passing);
  if (call.if_match.find(etag.substr(0, etag.find_first_of("-\"", 1))) != std::string::npos) return;
  throw Error(Code::precondition_failed, "it changed since you last read it; read it again and repeat your change");
}

void require_permission(const OperationInfo& operation, const Identity& caller) {
  if (may(caller, operation.permission) == Verdict::allowed) return;
  std::string what(operation.summary);
  what[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(what[0])));
  if (operation.permission == Permission::admin)
    throw Error(Code::permission_denied, fmt::format("only administrators may {}; you are {}", what, caller.user));
  if (!caller.role)
    throw Error(Code::permission_denied,
                fmt::format("to {} takes a tenant, and {} belongs to none; ask a tenant's manager", what, caller.user));
  throw Error(Code::permission_denied,
              fmt::format("to {} takes a {} of tenant '{}', and {} is a {} here", what,
                          base::word(operation.permission), caller.tenant, caller.user, base::word(*caller.role)));
}

Answer Router::call(const OperationInfo& operation, const Call& call, const json::value& request) const {
  const auto handler = [&] {
    require_permission(operation, call.identity);
    const auto found = handlers_.find(operation.name);
    if (found == handlers_.end())
      throw Error(Code::internal, fmt::format("operation {} has no handler in this server", operation.name));
    return found->second(call, request);
  };
  return around_ ? around_(operation, call, request, handler) : handler();
}

std::vector<std::string_view> Router::unhandled() const {
  std::vector<std::string_view> names;
  for (const OperationInfo* operation : operations())
    if (!handlers_.contains(operation->name)) names.push_back(operation->name);
  return names;
}

const OperationInfo* match(Method method, std::string_view path, std::map<std::string, std::string>& parameters,
                           std::vector<Method>& allowed) {
  const std::vector<std::string_view> parts = split_path(path);
  const Route* found = nullptr;
  for (const Route& route : routes()) {
    if (!fits(route, parts)) continue;
    allowed.push_back(route.operation->method);
    if (route.operation->method == method && found == nullptr) found = &route;
  }
  if (found == nullptr) return nullptr;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (is_parameter(found->parts[i])) parameters[std::string(parameter_name(found->parts[i]))] = parts[i];
  return found->operation;
}

json::value join_request(const OperationInfo& operation, const std::map<std::string, std::string>& path,
                         const std::vector<std::pair<std::string, std::string>>& query,
                         const std::optional<json::value>& body) {
  const json::object& schema = request_schema_of(operation);
  json::object request;
  if (body && !body->is_object()) base::fail_expected("a JSON object as the request's body", *body, "");
  if (body) request = body->get_object();
  for (const auto& [name, text] : path) {
    if (request.contains(name))
      throw Error(Code::invalid_argument, fmt::format("'{}' is given in the path; leave it out of the body", name),
                  base::pointer_to("", name));
    const json::object* described = property(schema, name);
    if (described == nullptr)
      throw Error(Code::internal, fmt::format("{} does not describe its path's '{}'", operation.name, name));
    request[name] = value_from_text(name, *described, text);
  }
  const bool json_body =
      operation.method != Method::get && operation.method != Method::del && operation.request_kind == BodyKind::json;
  if (json_body && !query.empty())
    throw Error(Code::invalid_argument,
                fmt::format("{} takes no query; give '{}' in the JSON body", operation.name, query.front().first));
  for (const auto& [name, text] : query) {
    if (path.contains(name))
      throw Error(Code::invalid_argument, fmt::format("'{}' is given in the path; leave it out of the query", name),
                  base::pointer_to("", name));
    add_query_value(request, schema, name, text);
  }
  return request;
}

}  // namespace api
