#include "api/http/request_parser.h"

#include <algorithm>

#include "api/http/words.h"
#include "api/problem.h"
#include "base/log.h"

namespace api {
namespace {

using base::Code;

// RFC 9112 2.2: a server should take at least one empty line before a request; some clients send it behind a body.
constexpr std::size_t kEmptyLinesLimit = 4;
constexpr std::size_t kMethodLimitBytes = 32;

StatusError refusal(int status, std::string message) { return {status, Code::invalid_argument, std::move(message)}; }

StatusError malformed(std::string_view what) {
  return refusal(400, fmt::format("this is not a valid HTTP request: {}", what));
}

StatusError too_large(std::size_t limit) {
  return StatusError(413, Code::too_large,
                     fmt::format("the request's body is over the limit of {} bytes of this operation", limit));
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

/// Refuses at its first byte what will never be a request, such as the greeting of a TLS client, which has no lines.
void check_first_byte(char c) {
  if (is_token_character(c) || c == '\r') return;
  if (c == 0x16)
    throw refusal(
        400,
        "this server speaks plain HTTP and the request begins a TLS connection: use http:// in the address, or "
        "put a proxy that speaks TLS before it");
  throw malformed("it does not begin with a method");
}

}  // namespace

std::string_view RequestHead::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

std::size_t RequestHead::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.end(), [&](const auto& h) { return h.first == name; }));
}

/// The line at the front without its CRLF; nothing when it has not ended. Errors: 400 for other ends of line and
/// control characters; 414, 431 or 400, by the stage, for a line over `limit`.
std::optional<std::string_view> RequestParser::line(std::string_view bytes, std::size_t limit) {
  const auto end = bytes.find('\n', searched_);
  if (std::min(end, bytes.size()) > limit + 1) {
    if (stage_ == Stage::request_line)
      throw refusal(414, fmt::format("the request's address is longer than {} bytes", kTargetLimitBytes));
    if (stage_ == Stage::headers)
      throw refusal(431, fmt::format("the request's headers are over {} bytes", kHeaderLimitBytes));
    throw malformed("the chunks of its body carry too many extensions and trailers");
  }
  if (end == std::string_view::npos) {
    searched_ = bytes.size();
    return std::nullopt;
  }
  searched_ = 0;
  if (end == 0 || bytes[end - 1] != '\r') throw malformed("a line does not end with CR and LF");
  const std::string_view text = bytes.substr(0, end - 1);
  if (std::any_of(text.begin(), text.end(), is_control)) throw malformed("a line has a control character");
  return text;
}

std::size_t RequestParser::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !done()) {
    const bool had_head = head_done();
    const std::size_t taken = step(bytes.substr(used));
    used += taken;
    if (taken == 0 || head_done() != had_head) break;
  }
  return used;
}

/// One line, or one piece of the body.
std::size_t RequestParser::step(std::string_view bytes) {
  if (stage_ == Stage::body || stage_ == Stage::chunk) return take_body(bytes);
  std::size_t limit = kChunkFramingLimitBytes - framing_bytes_;
  if (stage_ == Stage::request_line) {
    check_first_byte(bytes.front());
    limit = kMethodLimitBytes + kTargetLimitBytes + 16;
  }
  if (stage_ == Stage::headers) limit = kHeaderLimitBytes - head_bytes_;
  const std::optional<std::string_view> text = line(bytes, limit);
  if (!text) return 0;
  switch (stage_) {
    case Stage::request_line:
      if (!text->empty())
        take_request_line(*text);
      else if (++empty_lines_ > kEmptyLinesLimit)
        throw malformed("it begins with empty lines");
      break;
    case Stage::headers:
      head_bytes_ = std::min(kHeaderLimitBytes, head_bytes_ + text->size() + 2);
      if (text->empty())
        end_head();
      else
        take_header(*text);
      break;
    case Stage::chunk_size: take_chunk_size(*text); break;
    case Stage::chunk_end:
      if (!text->empty()) throw malformed("a chunk of its body is longer than it says");
      stage_ = Stage::chunk_size;
      break;
    case Stage::trailers:  // counted, not kept
      framing_bytes_ = std::min(kChunkFramingLimitBytes, framing_bytes_ + text->size() + 2);
      if (text->empty()) stage_ = Stage::done;
      break;
    case Stage::body:
    case Stage::chunk:
    case Stage::done: break;
  }
  return text->size() + 2;
}

void RequestParser::take_request_line(std::string_view text) {
  const auto first = text.find(' ');
  const auto second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos) throw malformed("its first line is not 'METHOD ADDRESS HTTP/1.1'");
  const std::string_view method = text.substr(0, first);
  const std::string_view target = text.substr(first + 1, second - first - 1);
  const std::string_view version = text.substr(second + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7]))
    throw malformed("its first line does not end with a version such as HTTP/1.1");
  if (version[5] != '1') throw refusal(505, fmt::format("this server speaks HTTP/1.1, not {}", version));
  if (!is_token(method) || method.size() > kMethodLimitBytes) throw malformed("its method is no word");
  if (target.empty() || target.find('\t') != std::string_view::npos) throw malformed("its address is empty");
  if (target.size() > kTargetLimitBytes)
    throw refusal(414, fmt::format("the request's address is longer than {} bytes", kTargetLimitBytes));
  head_.method = method;
  head_.target = target;
  head_.minor_version = version[7] - '0';
  stage_ = Stage::headers;
}

void RequestParser::take_header(std::string_view text) {
  if (head_.headers.size() >= kHeaderLimitCount)
    throw refusal(431, fmt::format("the request has more than {} headers", kHeaderLimitCount));
  if (text.front() == ' ' || text.front() == '\t')
    throw malformed("a header goes on in the next line, which RFC 9112 has given up; send it in one line");
  const auto colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (colon == std::string_view::npos || !is_token(name))
    throw malformed(fmt::format("'{}' is no header's name", base::printable(name, 64)));
  head_.headers.emplace_back(lower_case(name), trimmed(text.substr(colon + 1)));
}

/// RFC 9112 3.2.2: the host in the address stands for the Host header's.
void RequestParser::end_head() {
  const auto scheme_end = head_.target.find("://");
  if (scheme_end != std::string::npos && head_.target.front() != '/') {
    const std::string scheme = lower_case(std::string_view(head_.target).substr(0, scheme_end));
    if (scheme != "http" && scheme != "https") throw malformed("its address is neither a path nor one of http");
    const auto path = std::min(head_.target.find_first_of("/?#", scheme_end + 3), head_.target.size());
    const std::string authority = head_.target.substr(scheme_end + 3, path - scheme_end - 3);
    head_.target.erase(0, path);
    if (head_.target.empty() || head_.target.front() != '/') head_.target.insert(0, "/");
    if (head_.count("host") == 0 && head_.minor_version == 0) head_.headers.emplace_back("host", "");
    for (auto& [name, value] : head_.headers)
      if (name == "host") value = authority;
  }
  set_framing();
  set_persistence();
  if (head_.count("expect") > 0 && head_.minor_version > 0) {
    if (!same_word(head_.header("expect"), "100-continue"))
      throw refusal(417, "the only expectation this server knows is '100-continue'");
    head_.expects_continue = true;
  }
}

void RequestParser::set_framing() {
  const std::string_view length = head_.header("content-length");
  if (head_.count("transfer-encoding") > 0) {
    // Anything that is not plainly "chunked" could be framed differently by a proxy in front of us.
    if (head_.minor_version == 0) throw malformed("HTTP/1.0 has no Transfer-Encoding");
    if (head_.count("content-length") > 0) throw malformed("it has both Content-Length and Transfer-Encoding");
    if (head_.count("transfer-encoding") > 1 || !same_word(head_.header("transfer-encoding"), "chunked"))
      throw refusal(501, "the only transfer encoding this server knows is 'chunked'");
    head_.chunked = true;
    stage_ = Stage::chunk_size;
    return;
  }
  stage_ = Stage::done;
  if (head_.count("content-length") == 0) return;
  if (head_.count("content-length") > 1) throw malformed("it has more than one Content-Length");
  const bool digits = !length.empty() && length.find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits || length.size() > 18)
    throw malformed(fmt::format("its Content-Length '{}' is no number of bytes", base::printable(length, 40)));
  for (const char c : length) left_ = left_ * 10 + static_cast<std::uint64_t>(c - '0');
  head_.content_length = left_;
  if (left_ > 0) stage_ = Stage::body;
}

void RequestParser::set_persistence() {
  bool close = false, keep = false;
  for (const auto& [name, value] : head_.headers) {
    if (name != "connection") continue;
    for_each_in_list(value, [&](std::string_view word) {
      close = close || same_word(word, "close");
      keep = keep || same_word(word, "keep-alive");
    });
  }
  head_.keep_alive = !close && (keep || head_.minor_version > 0);
}

void RequestParser::take_chunk_size(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789abcdefABCDEF"), text.size());
  const std::string_view extension = text.substr(digits);
  if (digits == 0 || (!extension.empty() && !trimmed(extension).starts_with(';')))
    throw malformed("a chunk of its body does not begin with its size");
  framing_bytes_ = std::min(kChunkFramingLimitBytes, framing_bytes_ + extension.size());
  std::uint64_t size = 0;
  for (const char c : text.substr(0, digits)) {
    if (size >> 58 != 0) throw too_large(body_limit_);
    size = size * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  if (size > body_limit_ - std::min(body_limit_, body_.size())) throw too_large(body_limit_);
  left_ = size;
  stage_ = size > 0 ? Stage::chunk : Stage::trailers;
}

std::size_t RequestParser::take_body(std::string_view bytes) {
  if (head_.content_length && body_.empty()) body_.reserve(left_);
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  if (size > body_limit_ - std::min(body_limit_, body_.size())) throw too_large(body_limit_);
  body_.append(bytes.substr(0, size));
  left_ -= size;
  if (left_ == 0) stage_ = head_.chunked ? Stage::chunk_end : Stage::done;
  return size;
}

void RequestParser::limit_body(std::size_t limit_bytes) {
  body_limit_ = limit_bytes;
  if (head_.content_length.value_or(0) > limit_bytes) throw too_large(limit_bytes);
}

}  // namespace api
