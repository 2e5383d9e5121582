#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace api {

/// An Error that must travel with a status other than its code's, or with headers of its own: 405 with Allow, 431, ...
struct StatusError : base::Error {
  int status;
  std::vector<std::pair<std::string, std::string>> headers;

  StatusError(int status, base::Code code, std::string message,
              std::vector<std::pair<std::string, std::string>> headers = {})
      : Error(code, std::move(message)), status(status), headers(std::move(headers)) {}
};

inline constexpr std::string_view kProblemType = "application/problem+json";

/// Problem details (RFC 9457) of an error: type, title, status, detail, `instance` (urn of the request id), `code` (the
/// error's word) and `where` (JSON pointer into the request; left out when empty). `status` 0: the code's.
base::json::object problem_of(const base::Error& error, std::string_view request_id, int status = 0);

/// The Error that an answer with a status of 400 or more stands for. Bodies that are no problem details (a proxy's
/// page) give an Error of the status with the beginning of the body.
base::Error error_of(int status, std::string_view body);

/// JSON Schema of problem details.
base::json::object problem_schema();

/// "Not Found" for 404; "Unknown" for what HTTP does not name.
std::string_view reason_phrase(int status);

}  // namespace api
