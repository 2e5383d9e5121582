#include "api/http/transport.h"

#include <curl/curl.h>

#include <cstdlib>

#include "api/http/proxy.h"
#include "api/http/url.h"
#include "base/environment.h"
#include "base/error.h"

namespace api {
namespace {

struct CurlLibrary {
  CurlLibrary() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

/// What the callbacks of one exchange see.
struct Exchange {
  CURL* curl = nullptr;
  const Transport::Request* request = nullptr;
  Transport::Response* response = nullptr;
  std::exception_ptr failure;
  bool ended = false;
};

std::size_t on_content(char* data, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view piece(data, size * count);
  try {
    long status = 0;
    curl_easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 || !exchange.request->on_content) {
      exchange.response->content.append(piece);
      return piece.size();
    }
    if (exchange.request->on_content(piece)) return piece.size();
    exchange.ended = true;
  } catch (...) {
    exchange.failure = std::current_exception();  // must not pass through C
  }
  return 0;
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& exchange = *static_cast<Exchange*>(context);
  try {
    exchange.ended = exchange.ended || (exchange.request->stop && exchange.request->stop());
  } catch (...) {
    exchange.failure = std::current_exception();
    return 1;
  }
  return exchange.ended ? 1 : 0;
}

/// "https://host:8642" of "https://host:8642/api/v2/info".
std::string_view origin_of(std::string_view url) { return url.substr(0, url.find('/', url.find("://") + 3)); }

std::string with_scheme(std::string_view scheme, std::string_view url) {
  return fmt::format("{}{}", scheme, origin_of(url).substr(url.find("://")));
}

struct Failure {
  Transport::Outcome outcome;
  std::string advice;
};

/// What a failed exchange means. `text` is libcurl's own word for it.
Failure failure_of(CURLcode code, CURL* curl, std::string_view url, const Route& route, std::string_view text) {
  using Outcome = Transport::Outcome;
  const auto says = [text](std::string_view part) { return text.find(part) != std::string_view::npos; };
  const bool secure = url.starts_with("https");
  long proxy_status = 0;
  curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  if (code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY || proxy_status >= 300 || says("proxy"))
    return {Outcome::misfit,
            fmt::format("that is the proxy of $NCLOUD_PROXY, $https_proxy or $all_proxy; correct it, or go around it: "
                        "NCLOUD_PROXY= ncloud ... (or name the host in $no_proxy)")};
  std::string unused;
  if (!route.unused_variable.empty())
    unused = fmt::format(
        "; ${} is not used, because its proxy could read your token: use https, or allow it with "
        "NCLOUD_PROXY=${}",
        route.unused_variable, route.unused_variable);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Outcome::unreachable,
              fmt::format("no machine is known here by that name; check the address with `ncloud configure --list`{}",
                          unused)};
    case CURLE_COULDNT_CONNECT:
      return {Outcome::unreachable, unused.empty() ? "" : fmt::format("check the address{}", unused)};
    case CURLE_URL_MALFORMAT:
      return {Outcome::misfit, "an address looks like http://127.0.0.1:8642; see `ncloud configure --list`"};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return {Outcome::misfit,
              "its certificate cannot be trusted; if an authority of your own made it, name the authority's file in "
              "$SSL_CERT_FILE"};
    case CURLE_SSL_CONNECT_ERROR:
      return {Outcome::misfit,
              fmt::format("it does not seem to speak TLS; if it is a plain ncloudd, use {}", with_scheme("http", url))};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
      if (!secure)
        return {Outcome::misfit,
                fmt::format("it does not answer in HTTP; if it speaks TLS, use {}", with_scheme("https", url))};
      return {Outcome::misfit, "it does not answer in HTTP"};
    case CURLE_OPERATION_TIMEDOUT: return {Outcome::timed_out, unused.empty() ? "" : unused.substr(2)};
    default: return {Outcome::broken, ""};
  }
}

}  // namespace

struct Transport::State {
  CURL* curl = nullptr;
  char error[CURL_ERROR_SIZE] = {};
  ~State() {
    if (curl != nullptr) curl_easy_cleanup(curl);
  }
};

Transport::Transport() : state_(std::make_unique<State>()) {
  static const CurlLibrary library;
  state_->curl = curl_easy_init();
  if (state_->curl == nullptr) throw base::Error(base::Code::internal, "cannot start libcurl");
}

Transport::~Transport() = default;

Transport::Response Transport::exchange(const Request& request) {
  CURL* const curl = state_->curl;
  Response response;
  Exchange exchange{.curl = curl, .request = &request, .response = &response};
  curl_easy_reset(curl);  // options only; connections stay
  state_->error[0] = 0;
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, state_->error);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  const Route route = route_to(request.url);
  if (route.proxy) curl_easy_setopt(curl, CURLOPT_PROXY, route.proxy->c_str());
  if (const char* authorities = base::environment("SSL_CERT_FILE"); authorities != nullptr && *authorities != 0)
    curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout_ms));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  if (request.silence_s > 0) {
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.silence_s));
  }
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, std::string(request.method).c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_content);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  if (request.has_body) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
  }
  struct Headers {
    curl_slist* list = nullptr;
    ~Headers() { curl_slist_free_all(list); }
    void add(const std::string& line) { list = curl_slist_append(list, line.c_str()); }
  } headers;
  headers.add("Expect:");  // saves a turn; refusals of large bodies come all the same
  for (const auto& [name, value] : request.headers) headers.add(name + ": " + value);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.list);

  const CURLcode code = curl_easy_perform(curl);
  if (exchange.failure) std::rethrow_exception(exchange.failure);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  const char* type = nullptr;
  if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != nullptr)
    response.content_type = type;
  const char* redirect = nullptr;
  if (curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &redirect) == CURLE_OK && redirect != nullptr)
    response.redirect = redirect;
  if (code == CURLE_OK) return response;
  response.reason = state_->error[0] != 0 ? state_->error : curl_easy_strerror(code);
  Failure failure = failure_of(code, curl, request.url, route, response.reason);
  response.outcome = exchange.ended ? Outcome::ended : failure.outcome;
  response.advice = std::move(failure.advice);
  return response;
}

}  // namespace api
