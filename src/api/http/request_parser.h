#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace api {

inline constexpr std::size_t kHeaderLimitBytes = std::size_t{32} << 10;
inline constexpr std::size_t kHeaderLimitCount = 100;
inline constexpr std::size_t kTargetLimitBytes = std::size_t{8} << 10;
/// Framing of a chunked body (sizes, extensions, trailers) that is not content.
inline constexpr std::size_t kChunkFramingLimitBytes = std::size_t{16} << 10;

/// What comes before a request's body.
struct RequestHead {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;

  /// The first value of a header; empty when there is none. `name` in lower case.
  std::string_view header(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

/// Reads one HTTP/1 request from bytes that come in pieces. It does no input or output itself.
class RequestParser {
 public:
  RequestParser();
  ~RequestParser();

  /// Takes what it can from the front of `bytes` and returns how many bytes that was; 0 means that it needs more than
  /// these. It stops behind the head, so that the caller can refuse a request before its body.
  /// Errors: StatusError 400 (not HTTP), 413 (body over the limit), 414, 431, 501, 505.
  std::size_t feed(std::string_view bytes);

  bool head_done() const;
  bool done() const;
  RequestHead& head();
  std::string& body();

  /// To be set once the head is known. Errors: StatusError 413 when the announced length is over it.
  void limit_body(std::size_t limit_bytes);

 private:
  class Grammar;
  std::unique_ptr<Grammar> grammar_;
};

}  // namespace api
