#include "api/http/service.h"

#include <unistd.h>

#include "api/http/url.h"
#include "api/http/words.h"
#include "api/problem.h"
#include "base/caught.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sha256.h"

namespace api {
namespace {

namespace json = base::json;
using base::Code;
using base::Error;

bool is_sane_word(std::string_view text, std::size_t limit) {
  return !text.empty() && text.size() <= limit &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

/// The token of "Authorization: Bearer x"; empty when there is none.
std::string_view bearer_token(const RequestHead& head) {
  std::string_view value = head.header("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() <= kScheme.size() || head.count("authorization") != 1) return {};
  if (!same_word(value.substr(0, kScheme.size()), kScheme)) return {};
  value.remove_prefix(kScheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
}

/// Whose the request is, and for which tenant.
Credentials credentials_of(const RequestHead& head) {
  if (head.count(kTenantHeader) > 1)
    throw StatusError(400, Code::invalid_argument, fmt::format("{} is given more than once", kTenantHeader));
  return {std::string(bearer_token(head)), std::string(head.header(kTenantHeader))};
}

std::optional<Method> method_named(std::string_view name) {
  if (name == "HEAD") return Method::get;
  for (const auto& [method, word] : enumerators(Method{}))
    if (name == word) return method;
  return std::nullopt;
}

std::string allow_header(const std::vector<Method>& methods) {
  std::string out;
  for (const Method method : methods) {
    out += fmt::format("{}{}", out.empty() ? "" : ", ", base::word(method));
    if (method == Method::get) out += ", HEAD";
  }
  return out + ", OPTIONS";
}

std::string bound_host(std::string_view host) {
  return host_name(host.find(':') == std::string_view::npos ? std::string(host) : fmt::format("[{}]", host));
}

std::string machine_name() {
  char buffer[256] = {};
  if (::gethostname(buffer, sizeof buffer - 1) != 0) return {};
  return host_name(buffer);
}

/// Whether a list of ETags, as of If-None-Match, names this one. Weak ones count, as RFC 9110 13.1.2 says.
bool names_etag(std::string_view list, std::string_view etag) {
  return list == "*" || (!list.empty() && list.find(etag) != std::string_view::npos);
}

StatusError unsupported(std::string message, std::vector<std::pair<std::string, std::string>> headers = {}) {
  return StatusError(415, Code::invalid_argument, std::move(message), std::move(headers));
}

void check_encoding(const RequestHead& head) {
  for_each_in_list(head.header("content-encoding"), [](std::string_view encoding) {
    if (same_word(encoding, "identity")) return;
    throw unsupported(
        fmt::format("bodies of Content-Encoding '{}' are not taken; send it as it is, without that header",
                    base::printable(encoding, 40)),
        {{"accept-encoding", "identity"}});
  });
}

/// "a=1&b=c%20d", or what `curl -d file=@bag.png` makes of a file's name: no file looks so.
bool looks_like_a_form(std::string_view body) {
  return body.find('=') != std::string_view::npos &&
         std::all_of(body.begin(), body.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

/// Refuses what was wrapped into something else on its way. Any other type is taken: senders of files name what they
/// like.
void check_bytes(const RequestHead& head, std::string_view body) {
  const std::string_view text = head.header("content-type");
  const std::optional<MediaType> type = media_type(text);
  const bool wrapped = type && (type->type.starts_with("multipart/") || type->type == "application/json" ||
                                (type->type == "application/x-www-form-urlencoded" && looks_like_a_form(body)));
  if (!wrapped) return;
  throw unsupported(fmt::format(
      "the body must be the file's bytes alone, not {} ({}): curl --data-binary @FILE, or requests.post(url, "
      "data=open(FILE, 'rb')), with Content-Type application/octet-stream",
      type->type == "application/json" ? "JSON" : "a form", base::printable(type->type, 80)));
}

/// The JSON body; nothing when there is none.
std::optional<json::value> json_of(const RequestHead& head, const OperationInfo& operation, std::string_view body) {
  if (body.empty()) return std::nullopt;
  if (operation.method == Method::get || operation.method == Method::del)
    throw Error(Code::invalid_argument,
                fmt::format("{} {} takes no body; its parameters travel in the query", head.method, operation.path));
  const std::string_view text = head.header("content-type");
  const std::optional<MediaType> type = media_type(text);
  if (!type || type->type != "application/json" || head.count("content-type") > 1)
    throw unsupported(
        fmt::format("the body must be JSON, with Content-Type application/json, got '{}'", base::printable(text, 80)));
  const std::string_view charset = type->parameter("charset");
  if (!charset.empty() && !same_word(charset, "utf-8") && !same_word(charset, "utf8"))
    throw unsupported(fmt::format("JSON is UTF-8 text, got charset '{}'", base::printable(charset, 40)));
  return base::parse_json(body, "the request's body");
}

using Headers = std::vector<std::pair<std::string, std::string>>;

HttpAnswer problem_answer(const Error& error, int status, Headers headers, std::string_view request_id) {
  HttpAnswer answer{.status = status, .headers = std::move(headers)};
  const bool has_retry =
      std::any_of(answer.headers.begin(), answer.headers.end(), [](const auto& h) { return h.first == "retry-after"; });
  if (status == 401) answer.headers.emplace_back("www-authenticate", "Bearer");
  if ((status == 503 || status == 429) && !has_retry)
    answer.headers.emplace_back("retry-after", std::to_string(std::max(1, error.retry_after_s)));
  answer.headers.emplace_back("content-type", std::string(kProblemType));
  answer.headers.emplace_back("x-request-id", std::string(request_id));
  answer.content = base::to_text(problem_of(error, request_id, status));
  return answer;
}

void check_token_is_there(const Destination& to) {
  if (to.permission != Permission::anyone && to.credentials.token.empty())
    throw Error(Code::unauthenticated,
                "this needs a token: send it as 'Authorization: Bearer TOKEN', or run 'ncloud configure'");
}

}  // namespace

Service::Service(const Router& router, Authenticate authenticate, const ServerOptions& options)
    : router_(router),
      authenticate_(std::move(authenticate)),
      private_folder_(options.private_folder),
      body_memory_bytes_(options.body_memory_bytes),
      request_prefix_(base::hex(base::random_bytes(4))) {
  const std::string bound = bound_host(options.host);
  hosts_.insert(bound);
  for (const std::string& host : options.allowed_hosts) hosts_.insert(bound_host(host));
  loopback_only_ = is_loopback_name(bound);
  if (!loopback_only_) hosts_.insert(machine_name());
  hosts_.erase("");
  requests_.set_limit(std::min(options.requests_per_tenant, std::max(1, options.max_connections / 2)));
  streams_.set_limit(std::min(options.streams_per_tenant, std::max(1, options.max_connections / 4)));
}

std::string Service::request_id(const RequestHead& head) {
  const std::string_view given = head.header("x-request-id");
  if (is_sane_word(given, 64)) return std::string(given);
  return fmt::format("{}-{}", request_prefix_, ++request_count_);
}

bool Service::has_room_held(std::int64_t user, std::int64_t bytes) const {
  const auto own = reserved_by_.find(user);
  return reserved_ + bytes <= body_memory_bytes_ &&
         (own == reserved_by_.end() ? 0 : own->second) + bytes <= body_memory_bytes_ / 2;
}

bool Service::has_room(std::int64_t user, std::int64_t bytes) {
  const std::lock_guard lock(reserved_mutex_);
  return has_room_held(user, bytes);
}

bool Service::reserve(std::int64_t user, std::int64_t bytes) {
  const std::lock_guard lock(reserved_mutex_);
  if (!has_room_held(user, bytes)) return false;
  reserved_ += bytes;
  reserved_by_[user] += bytes;
  return true;
}

void Service::release(std::int64_t user, std::int64_t bytes) {
  const std::lock_guard lock(reserved_mutex_);
  reserved_ -= bytes;
  const auto own = reserved_by_.find(user);
  if (own != reserved_by_.end() && (own->second -= bytes) <= 0) reserved_by_.erase(own);
}

// A page of another site may make a browser connect to this server under a name that resolves to the loopback address
// (DNS rebinding); such requests carry that name.
void Service::check_host(const RequestHead& head) const {
  if (head.count("host") != 1)
    throw StatusError(400, Code::invalid_argument, "a request needs exactly one Host header");
  const std::string name = host_name(head.header("host"));
  if (name.empty()) throw StatusError(400, Code::invalid_argument, "the Host header names no host");
  if (is_loopback_name(name) || hosts_.contains(name)) return;
  if (!loopback_only_ && is_ip_address(name)) return;  // no name, so nobody can make it resolve to us
  throw StatusError(421, Code::permission_denied,
                    fmt::format("this server is not '{0}'; if that is a name of it, start it with --allowed-host {0}",
                                base::printable(name, 255)));
}

void Service::check_origin(const RequestHead& head) const {
  const std::string_view origin = head.header("origin");
  // Browsers say how the page that asks relates to this server. "same-site" is no more than a neighbour: another port
  // or name.
  const std::string_view site = head.header("sec-fetch-site");
  const bool foreign = !site.empty() && site != "same-origin" && site != "none";
  if (origin.empty() && !foreign) return;
  const auto scheme_end = origin.find("://");
  if (!foreign && scheme_end != std::string_view::npos && same_word(origin.substr(scheme_end + 3), head.header("host")))
    return;
  throw StatusError(403, Code::permission_denied, "requests from pages of another origin are refused");
}

Destination Service::destination(const RequestHead& head) const {
  Destination to;
  check_host(head);
  check_origin(head);
  std::string_view target = head.target;
  if (head.method == "OPTIONS" && target == "*") {
    to.ready = HttpAnswer{.status = 204};
    return to;
  }
  if (target.empty() || target.front() != '/')
    throw StatusError(400, Code::invalid_argument, "the request's address does not start with '/'");
  target = target.substr(0, target.find('#'));
  const auto question = target.find('?');
  const std::string_view path = target.substr(0, question);
  if (question != std::string_view::npos) to.query = parse_query(target.substr(question + 1));

  if (const auto plain = plain_routes_.find(path); plain != plain_routes_.end()) {
    if (head.method != "GET" && head.method != "HEAD")
      throw StatusError(405, Code::invalid_argument, fmt::format("{} takes GET only", path), {{"allow", "GET, HEAD"}});
    to.plain = &plain->second;
    to.permission = to.plain->permission;
    to.credentials = credentials_of(head);
    check_token_is_there(to);
    return to;
  }

  const std::optional<Method> method = method_named(head.method);
  std::vector<Method> allowed;
  to.operation = match(method.value_or(Method::get), path, to.path_parameters, allowed);
  if (allowed.empty())
    throw StatusError(
        404, Code::not_found,
        fmt::format("there is nothing at {}; the contract is at /api/v2/openapi.json", base::printable(path)));
  if (head.method == "OPTIONS") {
    to.operation = nullptr;
    to.ready = HttpAnswer{.status = 204};
    to.ready->headers.emplace_back("allow", allow_header(allowed));
    return to;
  }
  if (!method || to.operation == nullptr)
    throw StatusError(
        405, Code::invalid_argument,
        fmt::format("{} takes {}, not {}", base::printable(path), allow_header(allowed), base::printable(head.method)),
        {{"allow", allow_header(allowed)}});
  for (auto& [name, value] : to.path_parameters) value = decode_percent(value, false);
  to.permission = to.operation->permission;
  to.credentials = credentials_of(head);
  check_token_is_there(to);
  check_encoding(head);
  to.body_limit_bytes = to.operation->body_limit_bytes;
  return to;
}

Identity Service::known(const Destination& to) const {
  try {
    return authenticate_(to.credentials);
  } catch (const Error& error) {
    if (error.code != Code::unauthenticated) throw;
    if (const auto wait_s = wrong_tokens_.count(to.address, base::steady_now_us()))
      throw StatusError(429, Code::unauthenticated,
                        "too many wrong tokens came from your address; right ones are taken as always",
                        {{"retry-after", std::to_string(*wait_s)}});
    throw;
  }
}

Identity Service::identify(const Destination& to) const {
  if (to.permission == Permission::anyone) {
    if (to.credentials.token.empty()) return {};
    try {
      return authenticate_(to.credentials);
    } catch (const Error&) {
      return {};  // what anyone may see, the holder of an old token may see, too
    }
  }
  return known(to);
}

Identity Service::admit(const Destination& to) const {
  Identity identity = identify(to);
  if (to.operation != nullptr)
    require_permission(*to.operation, identity);
  else if (may(identity, to.permission) != Verdict::allowed)
    throw Error(Code::permission_denied, fmt::format("only administrators may read this; you are {}", identity.user));
  return identity;
}

void Service::take_shares(Destination& to, const Identity& identity) {
  if (to.permission == Permission::anyone || to.operation == nullptr) return;
  if (!to.request_share) to.request_share = requests_.take(identity);
  if (to.operation->response_kind == BodyKind::events && !to.stream_share) to.stream_share = streams_.take(identity);
}

/// Whether its text is about this machine (its paths, its libraries) and not about the request.
bool Service::is_private(const Error& error) const {
  return error.code == Code::internal || !error.public_message.empty() ||
         (!private_folder_.empty() && error.message.find(private_folder_) != std::string::npos);
}

HttpAnswer Service::problem(const Error& error, std::string_view request_id) const {
  const auto* with_status = dynamic_cast<const StatusError*>(&error);
  if (error.code == Code::data_loss || error.code == Code::disk_full || is_private(error))
    base::log_error("request {}: {}", request_id, error.message);
  if (is_private(error)) {
    const bool full = error.code == Code::disk_full;
    const Error public_part(full ? Code::disk_full : Code::internal,
                            full ? "the server's disk is full; remove models or datasets, or ask its administrator"
                                 : fmt::format("a fault of the server; its log says more at request {}", request_id));
    return problem_answer(public_part, base::kind_of(public_part.code).http_status, {}, request_id);
  }
  return problem_answer(error, with_status != nullptr ? with_status->status : base::kind_of(error.code).http_status,
                        with_status != nullptr ? with_status->headers : Headers{}, request_id);
}

HttpAnswer Service::problem(const std::exception& error, std::string_view request_id) const {
  if (const auto* own = dynamic_cast<const Error*>(&error)) return problem(*own, request_id);
  Error fault = base::caught();  // all callers are handling it
  if (fault.code == Code::unavailable) {
    base::log_error("request {}: {}", request_id, fault.message);
    return problem(Error(fault.code, "the server has no room for this at the moment"), request_id);
  }
  // Which file of the daemon was meant is not the caller's to know, and none of the caller's things is missing.
  if (fault.code != Code::disk_full) fault.code = Code::internal;
  return problem(fault, request_id);
}

HttpAnswer Service::answer(const RequestHead& head, Destination& to, const Identity* admitted, std::string_view body) {
  try {
    return run(head, to, admitted, body);
  } catch (const std::exception& error) {
    return problem(error, to.request_id);
  } catch (...) {
    return problem(Error(Code::internal, "a fault of the server"), to.request_id);
  }
}

HttpAnswer Service::finish(const RequestHead& head, const Destination& to, Later<Answer>::Outcome outcome) const {
  try {
    return written(head, to, outcome.take());
  } catch (const std::exception& error) {
    return problem(error, to.request_id);
  } catch (...) {
    return problem(Error(Code::internal, "a fault of the server"), to.request_id);
  }
}

HttpAnswer Service::run(const RequestHead& head, Destination& to, const Identity* admitted, std::string_view body) {
  if (to.plain != nullptr) {
    if (to.permission != Permission::anyone && admitted == nullptr) admit(to);
    HttpAnswer answer;
    answer.headers.emplace_back("x-request-id", to.request_id);
    PlainAnswer plain = to.plain->answer();
    answer.status = plain.status;
    answer.headers.emplace_back("content-type", std::move(plain.content_type));
    answer.content = std::move(plain.content);
    return answer;
  }

  const OperationInfo& operation = *to.operation;
  Call call;
  call.identity = admitted != nullptr ? *admitted : identify(to);  // the router asks whether the caller may
  // What goes on after this call (a stream, a download) goes on in the same tenant, or ends.
  if (call.identity.tenant_id != 0) to.credentials.tenant = std::to_string(call.identity.tenant_id);
  call.request_id = to.request_id;
  call.address = to.address;
  take_shares(to, call.identity);
  if (operation.method == Method::patch) call.if_match = head.header("if-match");
  std::optional<json::value> json_body;
  if (operation.request_kind == BodyKind::bytes) {
    check_bytes(head, body);
    call.body = body;
  } else {
    json_body = json_of(head, operation, body);
  }
  json::value request = join_request(operation, to.path_parameters, to.query, json_body);
  if (operation.response_kind == BodyKind::events && head.count("last-event-id") > 0) {
    const std::vector<std::pair<std::string, std::string>> after{{"after", std::string(head.header("last-event-id"))}};
    const json::value from_header = join_request(operation, {}, after, std::nullopt);
    request.as_object()["after"] = from_header.at("after");
  }

  const bool only_once = operation.creates && head.count("idempotency-key") > 0;
  Answer result =
      only_once ? run_once(to, call, request, head.header("idempotency-key")) : router_.call(operation, call, request);
  if (result.later) return HttpAnswer{.later = std::move(result.later)};
  return written(head, to, std::move(result));
}

HttpAnswer Service::written(const RequestHead& head, const Destination& to, Answer result) const {
  const OperationInfo& operation = *to.operation;
  HttpAnswer answer;
  answer.headers.emplace_back("x-request-id", to.request_id);
  answer.headers.emplace_back("cache-control", "no-cache, private");
  if (operation.response_kind == BodyKind::events) {
    answer.headers.emplace_back("content-type", "text/event-stream");
    answer.events = std::move(result.events);
    answer.events_after = result.events_after;
    return answer;
  }
  if (result.bytes) {
    answer.headers.emplace_back("content-type", std::move(result.bytes->content_type));
    answer.content = std::move(result.bytes->content);
    answer.file = std::move(result.bytes->file);
    return answer;
  }
  if (result.json.is_object() && result.json.get_object().empty()) {
    answer.status = 204;
    return answer;
  }
  answer.status = operation.creates && result.created ? 201 : 200;
  answer.content = base::to_text(result.json);
  if (operation.method == Method::get || operation.method == Method::patch) {
    std::string etag = etag_of(result.json, operation.passing);
    if (operation.method == Method::get && names_etag(head.header("if-none-match"), etag)) {
      answer.status = 304;
      answer.content.clear();
    }
    answer.headers.emplace_back("etag", std::move(etag));
  }
  if (answer.status != 304) answer.headers.emplace_back("content-type", "application/json");
  return answer;
}

Answer Service::run_once(const Destination& to, Call& call, const json::value& request, std::string_view key) {
  const OperationInfo& operation = *to.operation;
  if (store_ == nullptr) throw Error(Code::invalid_argument, "this server keeps no answers; leave Idempotency-Key out");
  if (!is_sane_word(key, 255))
    throw Error(Code::invalid_argument, "Idempotency-Key must be 1 to 255 printable ASCII characters without spaces");
  const std::string fingerprint = base::sha256(fmt::format("{}\n{}", operation.name, base::to_text(request)));
  const std::string claim = fmt::format("{}/{}/{}", call.identity.user_id, call.identity.tenant_id, key);
  {
    const std::lock_guard lock(running_mutex_);
    if (!running_keys_.insert(claim).second)
      throw StatusError(409, Code::conflict,
                        "the first request with this Idempotency-Key is still being worked on; try again",
                        {{"retry-after", "1"}});
  }
  struct Claim {
    Service& service;
    const std::string& name;
    ~Claim() {
      const std::lock_guard lock(service.running_mutex_);
      service.running_keys_.erase(name);
    }
  } const held{*this, claim};

  if (const auto kept = store_->lookup(call.identity, key)) {
    if (kept->fingerprint != fingerprint)
      throw StatusError(422, Code::invalid_argument,
                        "this Idempotency-Key was used for another request; take a new key");
    return Answer{.json = kept->answer};
  }
  call.once = {std::string(key), fingerprint};
  return router_.call(operation, call, request);
}

std::string answer_head(const HttpAnswer& answer, std::optional<std::size_t> content_bytes, Persistence persistence) {
  std::string out;
  out.reserve(384);
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", answer.status, reason_phrase(answer.status));
  for (const auto& [name, value] : answer.headers) {
    out.append(name).append(": ");
    for (const char c : value) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;  // no answer can be split
    out += "\r\n";
  }
  if (content_bytes && answer.status != 204 && answer.status != 304)
    fmt::format_to(std::back_inserter(out), "content-length: {}\r\n", *content_bytes);
  out += "x-content-type-options: nosniff\r\n";
  if (persistence == Persistence::close) out += "connection: close\r\n";
  if (persistence == Persistence::say_keep) out += "connection: keep-alive\r\n";
  out += "\r\n";
  return out;
}

}  // namespace api
