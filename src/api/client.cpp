#include "api/client.h"

#include <charconv>

#include "api/http/event_lines.h"
#include "api/http/transport.h"
#include "api/http/url.h"
#include "api/http/words.h"
#include "api/problem.h"
#include "base/log.h"
#include "base/sha256.h"

namespace api {
namespace {

namespace json = base::json;
using base::Code;
using base::Error;
using Outcome = Transport::Outcome;

// Streams carry a sign of life every 15 s.
constexpr int kSilenceS = 50;
constexpr int kReconnects = 8;

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : base::to_text(value);
}

bool has_json_body(const OperationInfo& operation) {
  return operation.method != Method::get && operation.method != Method::del && operation.request_kind == BodyKind::json;
}

bool may_be_repeated(const OperationInfo& operation) {
  return operation.creates || operation.method == Method::get || operation.method == Method::put ||
         operation.method == Method::del;
}

Error unreachable(const std::string& base_url, const Transport::Response& response) {
  const bool local = is_loopback_name(host_name(base_url.substr(base_url.find("://") + 3)));
  if (local && response.outcome != Outcome::misfit && response.reason.find("onnect") != std::string::npos)
    return Error(Code::unavailable,
                 fmt::format("nothing listens at {}: is ncloudd running? start it with `ncloudd`", base_url));
  return Error(
      Code::unavailable,
      fmt::format("cannot reach {}: {}; {}", base_url, response.reason,
                  response.advice.empty() ? "check the address with `ncloud configure --list`" : response.advice));
}

/// An answer that no ncloudd gives: of a proxy, of a TLS server that was spoken to in plain HTTP, of another service.
std::optional<Error> foreign(const std::string& base_url, const Transport::Response& response) {
  const auto answers = [&](std::string_view what) {
    return Error(Code::unavailable, fmt::format("{} {}", base_url, what));
  };
  if (response.status >= 300 && response.status < 400 && response.status != 304)
    return answers(response.redirect.empty()
                       ? fmt::format("answers with a redirection ({}), which is no answer of ncloudd", response.status)
                       : fmt::format("sends on to {}: use that address if you trust it", response.redirect));
  if (response.status == 400 && base_url.starts_with("http://") && response.content.find("HTTPS") != std::string::npos)
    return answers(fmt::format("speaks TLS: use https{}", base_url.substr(4)));
  return std::nullopt;
}

/// Waits, unless stopped.
void pause(std::chrono::milliseconds time, const std::function<bool()>& stop) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end && !interrupted && !(stop && stop()))
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace

Carriers split_request(const OperationInfo& operation, const json::value& request) {
  Carriers carriers;
  carriers.has_json_body = has_json_body(operation);
  std::string path(operation.path);
  std::string query;
  const auto add_to_query = [&](std::string_view name, const json::value& value) {
    query += fmt::format("{}{}={}", query.empty() ? "?" : "&", encode_percent(name), encode_percent(text_of(value)));
  };
  for (const auto& member : request.as_object()) {
    const std::string_view name = member.key();
    if (member.value().is_null()) continue;
    const std::string placeholder = fmt::format("{{{}}}", name);
    if (const auto at = path.find(placeholder); at != std::string::npos) {
      const std::string text = text_of(member.value());
      if (text.empty())
        throw Error(Code::invalid_argument, fmt::format("{} must not be empty", name), base::pointer_to("", name));
      path.replace(at, placeholder.size(), encode_percent(text));
    } else if (carriers.has_json_body) {
      carriers.body[name] = member.value();
    } else if (member.value().is_array()) {
      for (const json::value& item : member.value().as_array()) add_to_query(name, item);
    } else if (!(member.value().is_string() && member.value().get_string().empty())) {
      add_to_query(name, member.value());
    }
  }
  if (path.find('{') != std::string::npos)
    throw Error(Code::invalid_argument,
                fmt::format("{} needs a value for {}", operation.name, path.substr(path.find('{'))));
  carriers.target = path + query;
  return carriers;
}

struct Client::State {
  std::string base_url;
  std::string token;
  ClientOptions options;
  Transport transport;

  Transport::Request request_for(const OperationInfo& operation, const std::string& target) const {
    Transport::Request http;
    http.method = base::word(operation.method);
    http.url = base_url + target;
    if (!token.empty()) http.headers.emplace_back("Authorization", "Bearer " + token);
    if (!options.tenant.empty()) http.headers.emplace_back(std::string(kTenantHeader), options.tenant);
    http.headers.emplace_back("User-Agent", "ncloud");
    http.connect_timeout_ms = options.connect_timeout_ms;
    http.stop = [] { return interrupted.load(); };
    return http;
  }

  Transport::Response exchange(const OperationInfo& operation, const json::value& request, std::string_view bytes) {
    const Carriers carriers = split_request(operation, request);
    Transport::Request http = request_for(operation, carriers.target);
    http.timeout_ms = options.answer_timeout_ms;
    std::string body;
    if (carriers.has_json_body) {
      body = base::to_text(carriers.body);
      http.body = body;
      http.has_body = true;
      http.headers.emplace_back("Content-Type", "application/json");
    } else if (operation.request_kind == BodyKind::bytes) {
      http.body = bytes;
      http.has_body = true;
      http.headers.emplace_back("Content-Type", "application/octet-stream");
    }
    if (operation.creates) http.headers.emplace_back("Idempotency-Key", base::hex(base::random_bytes(16)));

    std::chrono::milliseconds wait(options.pause_ms);
    bool may_have_worked = false;
    for (int attempt = 1;; ++attempt) {
      Transport::Response response = transport.exchange(http);
      // What a try whose answer was lost has removed is not there any more: that is what was asked for.
      if (operation.method == Method::del && may_have_worked && response.outcome == Outcome::answered &&
          response.status == 404)
        return {.outcome = Outcome::answered, .status = 204};
      may_have_worked |= response.outcome == Outcome::broken;
      if (response.outcome == Outcome::answered && response.status < 300) return response;
      const bool never_arrived = response.outcome == Outcome::unreachable;
      const bool busy = response.outcome == Outcome::answered && (response.status == 503 || response.status == 429);
      const bool may_work_later = never_arrived || busy || response.outcome == Outcome::broken;
      // A refused connection on this machine is not a passing fault, so one more try is enough for it.
      const int tries = never_arrived ? std::min(2, options.tries) : options.tries;
      if (response.outcome == Outcome::ended) throw Error(Code::interrupted, "interrupted");
      if (!may_work_later || attempt >= tries || !(may_be_repeated(operation) || never_arrived)) fail(response);
      pause(wait, {});
      wait *= 2;
    }
  }

  [[noreturn]] void fail(const Transport::Response& response) const {
    if (const std::optional<Error> error = foreign(base_url, response)) throw *error;
    switch (response.outcome) {
      case Outcome::answered: throw error_of(response.status, response.content);
      case Outcome::misfit:
      case Outcome::unreachable: throw unreachable(base_url, response);
      case Outcome::timed_out:
        if (response.status == 0 && response.reason.find("onnect") != std::string::npos)
          throw unreachable(base_url, response);
        throw Error(Code::unavailable, fmt::format("{} did not answer in time: {}", base_url, response.reason));
      case Outcome::ended: throw Error(Code::interrupted, "interrupted");
      case Outcome::broken: break;
    }
    if (response.status >= 400)
      throw error_of(response.status, response.content);  // refused before it took the whole body
    throw Error(Code::unavailable, fmt::format("the connection to {} broke: {}", base_url, response.reason));
  }
};

Client::Client(std::string base_url, std::string token, ClientOptions options) : state_(std::make_unique<State>()) {
  while (base_url.ends_with('/')) base_url.pop_back();
  if (base_url.find("://") == std::string::npos) base_url = "http://" + base_url;
  if (token.find_first_of("\r\n") != std::string::npos)
    throw Error(Code::invalid_argument, "a token has no line breaks");
  if (options.tenant.find_first_of("\r\n") != std::string::npos)
    throw Error(Code::invalid_argument, "a tenant's name has no line breaks");
  state_->base_url = std::move(base_url);
  state_->token = std::move(token);
  state_->options = options;
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

const std::string& Client::base_url() const { return state_->base_url; }

void Client::interrupt() { interrupted = true; }

json::value Client::call_json(const OperationInfo& operation, const json::value& request, std::string_view body) {
  const Transport::Response response = state_->exchange(operation, request, body);
  if (response.content.empty()) return json::object();
  const std::optional<MediaType> type = media_type(response.content_type);
  if (!type || type->type != "application/json")
    throw Error(Code::unavailable,
                fmt::format("{} is no ncloudd: it answers with '{}' instead of JSON; check the address with `ncloud "
                            "configure --list`",
                            state_->base_url, base::printable(response.content_type, 80)));
  return base::parse_json(response.content, fmt::format("the answer of {}", state_->base_url));
}

Bytes Client::call_for_bytes(const OperationInfo& operation, const json::value& request, std::string_view body) {
  Transport::Response response = state_->exchange(operation, request, body);
  return {std::move(response.content), std::move(response.content_type)};
}

bool Client::follow_json(const OperationInfo& operation, const json::value& request, const OnEvent& on_event,
                         const std::function<bool()>& stop) {
  const Carriers carriers = split_request(operation, request);
  Transport::Request http = state_->request_for(operation, carriers.target);
  http.silence_s = kSilenceS;
  const auto stopped = [&stop] { return interrupted || (stop && stop()); };
  http.stop = stopped;
  const std::size_t header_count = http.headers.size();
  std::int64_t last_id = -1;
  bool ended = false;
  bool unwanted = false;
  std::chrono::milliseconds wait(state_->options.pause_ms);
  int failures = 0;
  while (true) {
    EventLines lines;
    http.headers.resize(header_count);
    http.headers.emplace_back("Accept", "text/event-stream");
    if (last_id >= 0) http.headers.emplace_back("Last-Event-ID", std::to_string(last_id));
    http.on_content = [&](std::string_view text) {
      failures = 0;
      wait = std::chrono::milliseconds(state_->options.pause_ms);
      return lines.feed(text, [&](const EventLines::Event& event) {
        if (event.name == "end") {
          ended = true;
          return false;
        }
        std::from_chars(event.id.data(), event.id.data() + event.id.size(), last_id);
        unwanted = !on_event(base::parse_json(event.data, "an event"), last_id);
        return !unwanted;
      });
    };
    const Transport::Response response = state_->transport.exchange(http);
    if (ended) return true;
    if (unwanted || stopped()) return false;
    const bool for_good = (response.status >= 300 && response.status != 503 && response.status != 429) ||
                          response.outcome == Outcome::misfit;
    // The very first connection fails like any call; later ones may find a server that is just starting again.
    if (for_good || ++failures > (last_id >= 0 ? kReconnects : 2)) {
      if (response.outcome == Outcome::answered && response.status < 400)
        throw Error(Code::unavailable, fmt::format("{} keeps ending the stream of events", state_->base_url));
      state_->fail(response);
    }
    pause(wait, stopped);
    if (stopped()) return false;
    wait = std::min(wait * 2, std::chrono::milliseconds(3000));
  }
}

}  // namespace api
