#include "api/http/request_parser.h"

#include <gtest/gtest.h>

#include "api/http/words.h"
#include "api/problem.h"

namespace api {
namespace {

/// Reads `text` in pieces of `piece` bytes, as a connection does; gives the refusal's status, 0 when it needs more.
int read(RequestParser& parser, std::string_view text, std::size_t piece) {
  try {
    std::size_t end = 0;
    while (!parser.done()) {
      const std::size_t used = parser.feed(text.substr(0, end));
      text.remove_prefix(used);
      end -= used;
      if (parser.head_done()) parser.limit_body(1000);
      if (used > 0) continue;
      if (end == text.size()) return 0;
      end = std::min(text.size(), end + piece);
    }
    return 200;
  } catch (const StatusError& error) {
    return error.status;
  }
}

int status(std::string_view text) {
  RequestParser whole;
  const int result = read(whole, text, text.size());
  for (std::size_t piece = 1; piece < std::min<std::size_t>(text.size(), 40); ++piece) {
    RequestParser parser;
    EXPECT_EQ(read(parser, text, piece), result) << text.substr(0, 200) << " in pieces of " << piece;
  }
  return result;
}

std::string request(std::string_view headers, std::string_view body = "", std::string_view line = "POST /x HTTP/1.1") {
  return fmt::format("{}\r\nHost: h\r\n{}\r\n{}", line, headers, body);
}

TEST(RequestParser, reads_heads_and_bodies) {
  for (const std::string& text :
       {request("Content-Length: 4\r\n", "body"),
        request("transfer-encoding: Chunked\r\n", "2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"),
        request("Transfer-Encoding: chunked\r\n", "4 ;a=\"b\";c\r\nbody\r\n00;x\r\nTrailer: t\r\n\r\n")}) {
    RequestParser parser;
    EXPECT_EQ(read(parser, text, 3), 200) << text;
    EXPECT_EQ(parser.body(), "body");
    EXPECT_EQ(parser.head().target, "/x");
    EXPECT_EQ(parser.head().header("host"), "h");
  }
  EXPECT_EQ(status(request("Content-Length: 0\r\n")), 200);
  EXPECT_EQ(status(request("X:\r\nY: \t a \t\r\nZ: \xc3\xa4\r\n")), 200);
}

TEST(RequestParser, takes_what_the_rfc_asks_servers_to_take) {
  EXPECT_EQ(status("\r\n\r\n" + request("")), 200);
  EXPECT_EQ(status(request("", "", "GET / HTTP/1.2")), 200);
  EXPECT_EQ(status(request("", "", "GET / HTTP/1.9")), 200);
  RequestParser parser;
  EXPECT_EQ(read(parser, request("", "", "GET HTTP://Other.example:81/a?b HTTP/1.1"), 7), 200);
  EXPECT_EQ(parser.head().target, "/a?b");
  EXPECT_EQ(parser.head().header("host"), "Other.example:81");
  RequestParser bare;
  EXPECT_EQ(read(bare, request("", "", "GET http://h?q HTTP/1.1"), 7), 200);
  EXPECT_EQ(bare.head().target, "/?q");
}

TEST(RequestParser, knows_which_connections_go_on) {
  const auto keeps = [](std::string_view version, std::string_view headers) {
    RequestParser parser;
    read(parser, request(headers, "", fmt::format("GET / HTTP/{}", version)), 1000);
    return parser.head().keep_alive;
  };
  EXPECT_TRUE(keeps("1.1", ""));
  EXPECT_FALSE(keeps("1.1", "Connection: te, CLOSE\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_FALSE(keeps("1.0", ""));
  EXPECT_TRUE(keeps("1.0", "connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("1.0", "connection: keep-alive, close\r\n"));
}

TEST(RequestParser, refuses_what_could_be_framed_in_two_ways) {
  const std::vector<std::string> bad = {
      request("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
      request("Content-Length: 2\r\nContent-Length: 2\r\n", "ab"),
      request("Content-Length: 2, 2\r\n", "ab"),
      request("Content-Length: 2,\r\n", "ab"),
      request("Content-Length: +2\r\n", "ab"),
      request("Content-Length: -2\r\n", "ab"),
      request("Content-Length: 0x2\r\n", "ab"),
      request("Content-Length: 2 2\r\n", "ab"),
      request("Content-Length:\r\n", "ab"),
      request("Content-Length: 99999999999999999999999\r\n", "ab"),
      request("Content-Length : 2\r\n", "ab"),
      request("X: a\r\n folded\r\n"),
      request("X: a\r\n\tfolded\r\n"),
      "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
      request("X: a\nY: b\r\n"),
      request("X: a\rY: b\r\n"),
      request(std::string("X: a\0b\r\n", 8)),
      request("X: a\x7f\r\n"),
      request(": a\r\n"),
      request("no colon\r\n"),
      request("X\xc3\xa4: a\r\n"),
      "GET / HTTP/1.1\nHost: h\n\n",
      "GET  / HTTP/1.1\r\n\r\n",
      "GET /a b HTTP/1.1\r\n\r\n",
      "GET\t/ HTTP/1.1\r\n\r\n",
      "GET /\r\n\r\n",
      "GET / HTTP/1.1 \r\n\r\n",
      "GET / http/1.1\r\n\r\n",
      "GET / HTTP/11\r\n\r\n",
      "GET / HTTP/1.10\r\n\r\n",
      " GET / HTTP/1.1\r\n\r\n",
      "GE(T / HTTP/1.1\r\n\r\n",
      "GET ftp://h/x HTTP/1.1\r\n\r\n",
      "\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
      "\nGET / HTTP/1.1\r\n\r\n",
      "\x16\x03\x01\x02",
      request("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "POST / HTTP/1.0"),
      request("Transfer-Encoding: chunked\r\n", "2;a\n\r\nab\r\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", "2;a\nb\r\nab\r\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", "2\nab\r\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", "2\r\nab\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", "2\r\nabc\r\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", "2 x\r\nab\r\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", "2 \r\nab\r\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", "2\t\r\nab\r\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", "0x2\r\nab\r\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", "-2\r\nab\r\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", " 2\r\nab\r\n0\r\n\r\n"),
      request("Transfer-Encoding: chunked\r\n", ";x\r\nab\r\n0\r\n\r\n"),
  };
  for (const std::string& text : bad) EXPECT_EQ(status(text), 400) << text;
  for (const std::string_view encoding :
       {"gzip", "gzip, chunked", "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked", "\"chunked\"",
        "x-chunked", "identity", "chunked;q=1"})
    EXPECT_EQ(status(request(fmt::format("Transfer-Encoding: {}\r\n", encoding), "0\r\n\r\n")), 501) << encoding;
  EXPECT_EQ(status("GET / HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
}

TEST(RequestParser, limits_everything) {
  EXPECT_EQ(status(fmt::format("GET /{} HTTP/1.1\r\n\r\n", std::string(kTargetLimitBytes, 'a'))), 414);
  EXPECT_EQ(status("GET /" + std::string(20000, 'a')), 414);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nX: " + std::string(kHeaderLimitBytes, 'a')), 431);
  std::string many, large;
  for (int i = 0; i < 101; ++i) many += "X: y\r\n";
  for (int i = 0; i < 40; ++i) large += fmt::format("X: {}\r\n", std::string(1000, 'y'));
  EXPECT_EQ(status(request(many)), 431);
  EXPECT_EQ(status(request(large)), 431);
  EXPECT_EQ(status(request("Expect: magic\r\n")), 417);
  EXPECT_EQ(status(request("Content-Length: 1001\r\n")), 413);
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  for (const std::string_view size :
       {"3e9", "FFFFFFFFFFFFFFFF", "10000000000000000", "fffffffffffffffffffffffffffffff"})
    EXPECT_EQ(status(request(chunked, fmt::format("{}\r\nx", size))), 413) << size;
  EXPECT_EQ(status(request(chunked, "1;" + std::string(20000, 'e'))), 400);
  std::string extended, trailers = "0\r\n";
  for (int i = 0; i < 200; ++i) extended += fmt::format("1;{}\r\nx\r\n", std::string(100, 'e'));
  for (int i = 0; i < 200; ++i) trailers += fmt::format("T: {}\r\n", std::string(100, 'e'));
  EXPECT_EQ(status(request(chunked, extended)), 400);
  EXPECT_EQ(status(request(chunked, trailers)), 400);
}

TEST(RequestParser, leaves_the_next_request) {
  RequestParser parser;
  const std::string first = request("Content-Length: 2\r\n", "ab");
  const std::string both = first + request("");
  std::size_t used = parser.feed(both);
  EXPECT_EQ(used, first.size() - 2) << "it stops behind the head";
  parser.limit_body(10);
  used += parser.feed(std::string_view(both).substr(used));
  EXPECT_TRUE(parser.done());
  EXPECT_EQ(used, first.size());
}

TEST(Words, compares_media_types_as_http_says) {
  EXPECT_EQ(media_type("Application/JSON")->type, "application/json");
  EXPECT_EQ(media_type("application/json ; Charset=\"UTF-8\"; x=y")->parameter("charset"), "UTF-8");
  EXPECT_EQ(media_type("a/b;c=\"d\\\"e;f\"")->parameter("c"), "d\"e;f");
  EXPECT_EQ(media_type("application/jsonx")->type, "application/jsonx");
  EXPECT_EQ(media_type("a/b; ; c=d;")->parameter("c"), "d");
  for (const std::string_view bad :
       {"", "json", "a/", "/b", "a/b/c", "a/b;c", "a/b;c=", "a/b;c=\"d", "a/b c", "a/b;c=d e"})
    EXPECT_FALSE(media_type(bad)) << bad;
}

}  // namespace
}  // namespace api
