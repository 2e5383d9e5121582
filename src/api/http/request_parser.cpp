#include "api/http/request_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "api/problem.h"
#include "base/clock.h"

namespace api {
namespace {

namespace http = boost::beast::http;
using base::Code;
using boost::beast::error_code;
using boost::beast::string_view;

std::string lower(string_view text) {
  std::string out(text.data(), text.size());
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y;
         });
}

StatusError too_large(std::size_t limit) {
  return StatusError(413, Code::too_large,
                     fmt::format("the request's body is over the limit of {} bytes of this operation", limit));
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

/// Beast knows the grammar and calls back; nothing here waits or copies more than it keeps.
class RequestParser::Grammar : public http::basic_parser<true> {
 public:
  RequestHead head;
  std::string body;
  std::size_t limit = 0;
  std::optional<StatusError> refused;

  Grammar() {
    header_limit(static_cast<std::uint32_t>(kHeaderLimitBytes));
    body_limit(boost::none);  // own limits, which depend on the operation
  }

  void refuse(StatusError error, error_code& ec) {
    refused = std::move(error);
    ec = http::error::bad_value;
  }

  bool add_framing(std::size_t bytes, error_code& ec) {
    framing_ += bytes;
    if (framing_ <= kChunkFramingLimitBytes) return true;
    refuse(StatusError(400, Code::invalid_argument,
                       "the chunks of the request's body carry too many extensions and trailers"),
           ec);
    return false;
  }

 private:
  void on_request_impl(http::verb, string_view method, string_view target, int version, error_code& ec) override {
    if (target.size() > kTargetLimitBytes)
      return refuse(StatusError(414, Code::invalid_argument,
                                fmt::format("the request's address is longer than {} bytes", kTargetLimitBytes)),
                    ec);
    if (version != 11 && version != 10)
      return refuse(StatusError(505, Code::invalid_argument, "this server speaks HTTP/1.1"), ec);
    head.method.assign(method.data(), method.size());
    head.target.assign(target.data(), target.size());
  }

  void on_response_impl(int, string_view, int, error_code&) override {}  // Beast wants it; requests never get here

  void on_field_impl(http::field, string_view name, string_view value, error_code& ec) override {
    if (is_header_done()) {  // a trailer: counted, not kept
      add_framing(name.size() + value.size() + 4, ec);
      return;
    }
    if (head.headers.size() >= kHeaderLimitCount)
      return refuse(StatusError(431, Code::invalid_argument,
                                fmt::format("the request has more than {} headers", kHeaderLimitCount)),
                    ec);
    head.headers.emplace_back(lower(name), std::string(value.data(), value.size()));
  }

  void on_header_impl(error_code& ec) override {
    head.chunked = chunked();
    head.keep_alive = keep_alive();
    if (head.count("transfer-encoding") > 0) {
      // Anything that is not plainly "chunked" could be framed differently by a proxy in front of us.
      if (head.count("transfer-encoding") > 1 || !same_word(head.header("transfer-encoding"), "chunked"))
        return refuse(
            StatusError(501, Code::invalid_argument, "the only transfer encoding this server knows is 'chunked'"), ec);
      if (head.count("content-length") > 0)
        return refuse(
            StatusError(400, Code::invalid_argument, "a request has either Content-Length or Transfer-Encoding"), ec);
    }
    if (head.count("content-length") > 1)
      return refuse(StatusError(400, Code::invalid_argument, "the request has more than one Content-Length"), ec);
    if (const auto length = content_length()) head.content_length = *length;
    if (head.count("expect") > 0) {
      if (!same_word(head.header("expect"), "100-continue"))
        return refuse(
            StatusError(417, Code::invalid_argument, "the only expectation this server knows is '100-continue'"), ec);
      head.expects_continue = true;
    }
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) body.reserve(std::min<std::size_t>(*length, limit));
  }

  std::size_t add(string_view bytes, error_code& ec) {
    if (body.size() + bytes.size() > limit) {
      refuse(too_large(limit), ec);
      return 0;
    }
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }

  std::size_t on_body_impl(string_view bytes, error_code& ec) override { return add(bytes, ec); }

  void on_chunk_header_impl(std::uint64_t size, string_view extensions, error_code& ec) override {
    if (!add_framing(extensions.size(), ec)) return;
    if (size > limit - std::min(limit, body.size())) refuse(too_large(limit), ec);
  }

  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& ec) override { return add(bytes, ec); }

  void on_finish_impl(error_code&) override {}

  std::size_t framing_ = 0;
};

RequestParser::RequestParser() : grammar_(std::make_unique<Grammar>()) {}
RequestParser::~RequestParser() = default;

std::size_t RequestParser::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !grammar_->is_done()) {
    const bool had_head = grammar_->is_header_done();
    error_code ec;
    const std::size_t taken = grammar_->put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
    used += taken;
    if (grammar_->refused) throw *grammar_->refused;
    if (ec == http::error::need_more) {
      if (taken == 0) break;
      continue;
    }
    if (ec == http::error::header_limit)
      throw StatusError(431, Code::invalid_argument,
                        fmt::format("the request's headers are over {} bytes", kHeaderLimitBytes));
    if (ec)
      throw StatusError(400, Code::invalid_argument, fmt::format("this is not a valid HTTP request: {}", ec.message()));
    if (!had_head && grammar_->is_header_done()) break;
  }
  if (grammar_->is_header_done() && !grammar_->is_done() && used == 0 && bytes.size() > kChunkFramingLimitBytes)
    throw StatusError(400, Code::invalid_argument, "a chunk of the request's body has too long a head");
  return used;
}

bool RequestParser::head_done() const { return grammar_->is_header_done(); }
bool RequestParser::done() const { return grammar_->is_done(); }
RequestHead& RequestParser::head() { return grammar_->head; }
std::string& RequestParser::body() { return grammar_->body; }

void RequestParser::limit_body(std::size_t limit_bytes) {
  grammar_->limit = limit_bytes;
  if (grammar_->head.content_length.value_or(0) > limit_bytes) throw too_large(limit_bytes);
}

}  // namespace api
