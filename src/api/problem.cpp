#include "api/problem.h"

#include "base/log.h"

namespace api {

namespace json = base::json;

json::object problem_of(const base::Error& error, std::string_view request_id, int status) {
  const base::ErrorKind& kind = base::kind_of(error.code);
  const bool own_status = status != 0 && status != kind.http_status;
  json::object problem;
  problem["type"] = own_status ? std::string("about:blank") : fmt::format("urn:ncloud:error:{}", kind.name);
  problem["title"] = own_status ? reason_phrase(status) : kind.title;
  problem["status"] = own_status ? status : kind.http_status;
  problem["detail"] = error.message;
  if (!request_id.empty()) problem["instance"] = fmt::format("urn:ncloud:request:{}", request_id);
  problem["code"] = kind.name;
  if (!error.where.empty()) problem["where"] = error.where;
  return problem;
}

base::Error error_of(int status, std::string_view body) {
  try {
    const json::value value = base::parse_json(body, "the server's answer");
    const json::object& problem = value.as_object();
    const auto text = [&](std::string_view key) {
      const json::value* found = problem.if_contains(key);
      return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
    };
    const std::string code = text("code");
    if (!code.empty()) return base::Error(base::code_named(code), text("detail"), text("where"));
  } catch (const std::exception&) {
    // Not a problem of ours; described below.
  }
  const std::string start = base::printable(body, 200);
  return base::Error(
      base::code_of_http_status(status),
      fmt::format("the server answered {} {}{}{}", status, reason_phrase(status), start.empty() ? "" : ": ", start));
}

json::object problem_schema() {
  json::array words;
  for (const base::ErrorKind& kind : base::error_kinds()) words.push_back(json::value(kind.name));
  return {{"type", "object"},
          {"required", {"type", "title", "status", "detail", "code"}},
          {"properties",
           {{"type", {{"type", "string"}, {"description", "URN of the kind of error"}}},
            {"title", {{"type", "string"}, {"description", "the kind of error, for people"}}},
            {"status", {{"type", "integer"}, {"description", "HTTP status"}}},
            {"detail", {{"type", "string"}, {"description", "what was expected, what came, where, and what to do"}}},
            {"instance", {{"type", "string"}, {"description", "URN of the request, as in x-request-id"}}},
            {"code", {{"type", "string"}, {"enum", words}, {"description", "the kind of error, for programs"}}},
            {"where", {{"type", "string"}, {"description", "JSON pointer to the part of the request at fault"}}}}}};
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Unknown";
  }
}

}  // namespace api
