#include "api/http/request_parser.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("http_request", [](std::string_view bytes) {
  api::RequestParser parser;
  bool limited = false;
  while (!parser.done()) {
    if (parser.head_done() && !limited) {
      parser.limit_body(4096);
      limited = true;
    }
    const std::size_t taken = parser.feed(bytes);
    if (taken == 0) return;
    fuzz::must(taken <= bytes.size(), "no more is taken than there is");
    bytes.remove_prefix(taken);
  }
  fuzz::must(parser.body().size() <= 4096, "the body keeps its limit");
});

}  // namespace
