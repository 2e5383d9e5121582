#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace api {

inline constexpr std::size_t kHeaderLimitBytes = std::size_t{32} << 10;
inline constexpr std::size_t kHeaderLimitCount = 100;
inline constexpr std::size_t kTargetLimitBytes = std::size_t{8} << 10;
/// Framing of a chunked body (extensions, trailers) that is not content.
inline constexpr std::size_t kChunkFramingLimitBytes = std::size_t{16} << 10;

/// What comes before a request's body.
struct RequestHead {
  std::string method;
  std::string target;  ///< in origin-form: of "http://host/path" the path; the Host header then has that host
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::optional<std::uint64_t> content_length;
  int minor_version = 1;  ///< of HTTP/1.x
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;

  /// The first value of a header; empty when there is none. `name` in lower case.
  std::string_view header(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

/// Reads one HTTP/1 request (RFC 9112) from bytes that come in pieces. It does no input or output itself. Where the RFC
/// lets a recipient choose, it refuses: what a proxy in front could read in another way is no request.
class RequestParser {
 public:
  /// Takes what it can from the front of `bytes` and returns how many bytes that was; 0 means that it needs more than
  /// these. It stops behind the head, so that the caller can refuse a request before its body.
  /// Errors: StatusError 400 (not HTTP), 413 (body over the limit), 414, 417, 431, 501, 505.
  std::size_t feed(std::string_view bytes);

  bool head_done() const { return stage_ > Stage::headers; }
  bool done() const { return stage_ == Stage::done; }
  RequestHead& head() { return head_; }
  std::string& body() { return body_; }

  /// To be set once the head is known. Errors: StatusError 413 when the announced length is over it.
  void limit_body(std::size_t limit_bytes);

 private:
  enum class Stage { request_line, headers, body, chunk_size, chunk, chunk_end, trailers, done };

  std::optional<std::string_view> line(std::string_view bytes, std::size_t limit);
  std::size_t step(std::string_view bytes);
  void take_request_line(std::string_view text);
  void take_header(std::string_view text);
  void end_head();
  void set_framing();
  void set_persistence();
  void take_chunk_size(std::string_view text);
  std::size_t take_body(std::string_view bytes);

  Stage stage_ = Stage::request_line;
  RequestHead head_;
  std::string body_;
  std::size_t body_limit_ = 0;
  std::uint64_t left_ = 0;         // of the body or the chunk
  std::size_t empty_lines_ = 0;    // before the request line
  std::size_t head_bytes_ = 0;     // of all headers
  std::size_t framing_bytes_ = 0;  // of a chunked body
  std::size_t searched_ = 0;       // bytes of a line that has not ended
};

}  // namespace api
