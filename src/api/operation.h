#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/argument.h"
#include "api/forms.h"
#include "api/permission.h"
#include "base/fields.h"
#include "base/files.h"

namespace api {

enum class Method { get, post, put, patch, del };
constexpr auto enumerators(Method) {
  return std::array{std::pair{Method::get, "GET"}, std::pair{Method::post, "POST"}, std::pair{Method::put, "PUT"},
                    std::pair{Method::patch, "PATCH"}, std::pair{Method::del, "DELETE"}};
}

enum class BodyKind {
  json,    ///< a described struct
  bytes,   ///< anything, as it is
  events,  ///< (responses only) server-sent events; each one's data is one described struct as JSON
};

/// Names the tenant that a call is for, by id or name.
inline constexpr std::string_view kTenantHeader = "ncloud-tenant";

/// A file that is open for reading, at its beginning. Its size does not change.
struct OpenFile {
  base::Fd fd;
  std::int64_t size_bytes = 0;
  std::function<void(std::string_view)> check =
      {};  ///< gets each piece before it is sent; an Error breaks the answer off
};

/// Raw bytes of a request or an answer.
struct Bytes {
  std::string content;
  std::string content_type = "application/octet-stream";
  std::optional<OpenFile> file =
      {};  ///< of large answers: its bytes instead of content, so that they are never all in memory
};

/// An answer without content.
struct Nothing {
  static constexpr auto fields() { return std::tuple(); }
};

/// What is known of an operation without its types: enough for routing, OpenAPI and the command line.
struct OperationInfo {
  std::string_view name;  ///< "create_model": the operationId, the client's method
  Method method;
  std::string_view path;  ///< "/api/v2/models/{model}"; {x} is the request's field of that name
  Permission permission;
  std::string_view summary;    ///< one line
  std::string_view command;    ///< words of the command line: "model ls"; empty when no command is derived
  std::string_view done = {};  ///< what its command answers in one line: "tenant {name} added"; {x} is a field of
                               ///< the answer or the request; what stands in [ ] is left out while its field is
                               ///< empty. Empty for those that only show something
  std::vector<base::Code> errors = {};  ///< beside those every operation may give (400, 401, 404 of its path, 500)
  std::string_view example = {};        ///< a request body, as JSON
  std::size_t body_limit_bytes = std::size_t{1} << 20;
  bool creates = false;                        ///< answers 201 and honours Idempotency-Key
  std::vector<std::string_view> secrets = {};  ///< fields of the request that are kept nowhere
  bool is_unrecorded = false;                  ///< changes nothing that the history should tell, or too often

  // Derived from the types.
  std::string_view resource = {};
  BodyKind request_kind = BodyKind::json;
  BodyKind response_kind = BodyKind::json;
  std::vector<Argument> (*request_arguments)() = nullptr;
  base::json::object (*request_schema)() = nullptr;
  base::json::object (*response_schema)() = nullptr;
  void (*check_request)(const base::json::value& request) = nullptr;  ///< Errors: what decoding it throws
  std::span<const std::string_view> passing = {};  ///< fields of the response that If-Match does not compare
};

/// Fields of T that say how things stand at the moment, such as a place in a queue.
template <class T>
constexpr std::span<const std::string_view> passing_of() {
  if constexpr (requires { T::passing; })
    return T::passing;
  else
    return {};
}

/// All operations, in order of registration.
std::vector<const OperationInfo*>& operations();

template <class Response>
struct EventsOf {};  ///< response type of operations that answer with a stream of Response

/// One operation of the contract. Request fields named in the path travel there; the others travel in the query of GET,
/// DELETE and of operations with a bytes body, else in the JSON body.
template <class RequestType, class ResponseType, bool kTakesBytes = false>
struct Operation : OperationInfo {
  using Request = RequestType;
  using Response = ResponseType;

  explicit Operation(OperationInfo info) : OperationInfo(std::move(info)) {
    request_arguments = [] { return arguments_of<Request>(); };
    request_schema = [] { return base::schema<Request>(); };
    check_request = [](const base::json::value& request) { base::decode<Request>(request); };
    if constexpr (kTakesBytes) request_kind = BodyKind::bytes;
    set_response(static_cast<Response*>(nullptr));
    operations().push_back(this);
  }
  Operation(const Operation&) = delete;

 private:
  void set_response(Bytes*) { response_kind = BodyKind::bytes; }
  template <class Event>
  void set_response(EventsOf<Event>*) {
    response_kind = BodyKind::events;
    response_schema = [] { return base::schema<Event>(); };
  }
  template <class T>
  void set_response(T*) {
    response_schema = [] { return base::schema<T>(); };
    passing = passing_of<T>();
  }
};

/// Lists come in pages.
struct PageRequest {
  int page_size = 100;
  std::string page_token;
  static constexpr auto fields() {
    return std::tuple(
        base::field("page_size", &PageRequest::page_size, "entries at most in one answer").range(1, 1000).flag('n'),
        base::field("page_token", &PageRequest::page_token,
                    "next_page_token of the answer before; empty for the first page")
            .empty_or_like(kPageToken));
  }
};

template <class Item>
struct Page {
  std::vector<Item> items;
  std::string next_page_token;
  static constexpr auto fields() {
    return std::tuple(
        base::field("items", &Page::items, "newest first"),
        base::field("next_page_token", &Page::next_page_token, "page_token of the next page; empty on the last"));
  }
};

}  // namespace api
