#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace api {

/// One HTTP exchange over kept connections; libcurl stays behind it. Threads: one at a time.
class Transport {
 public:
  Transport();
  ~Transport();

  struct Request {
    std::string_view method;
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string_view body;
    bool has_body = false;
    int connect_timeout_ms = 3000;
    int timeout_ms = 0;  ///< 0: none
    int silence_s = 0;   ///< gives up when nothing comes for this long; 0: never
    /// Gets the answer's content as it comes, when the status is 200; false ends the exchange (Outcome::ended). Else
    /// the content is in the Response.
    std::function<bool(std::string_view)> on_content;
    std::function<bool()> stop;  ///< asked some times a second
  };

  enum class Outcome {
    answered,
    unreachable,
    broken,
    timed_out,
    ended,
    misfit,  ///< what answers speaks another protocol, or is not who it should be: no second try helps
  };
  struct Response {
    Outcome outcome = Outcome::answered;
    int status = 0;
    std::string content_type;
    std::string content;
    std::string redirect;  ///< address that a 3xx names; never followed, as a token would go with it
    std::string reason;    ///< of an outcome other than answered
    std::string advice;    ///< what to do about it; empty when nothing is known
  };

  Response exchange(const Request& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace api
