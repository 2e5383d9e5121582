#include "base/error.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace base {
namespace {

constexpr std::array kKinds{
    ErrorKind{
        Code::invalid_argument, "invalid_argument", "The request is not valid", 400, 2,
        "It can never work as it is: a value, a name or a file is wrong; the message says which, and what would be "
        "right."},
    ErrorKind{Code::unauthenticated, "unauthenticated", "Valid credentials are needed", 401, 3,
              "There is no token, or it is unknown, revoked or expired."},
    ErrorKind{Code::permission_denied, "permission_denied", "Not allowed", 403, 4,
              "The caller is known and may not do this; or a page of another origin asks."},
    ErrorKind{Code::not_found, "not_found", "No such thing", 404, 5,
              "It does not exist, or belongs to another tenant."},
    ErrorKind{Code::conflict, "conflict", "The current state does not allow this", 409, 6,
              "The thing is in a state in which this cannot be done, or the name is taken; the message says what to do "
              "first."},
    ErrorKind{Code::precondition_failed, "precondition_failed", "It changed in the meantime", 412, 7,
              "The thing is no longer what If-Match names: read it again and repeat the change."},
    ErrorKind{Code::too_large, "too_large", "Over the size limit", 413, 8,
              "A body, a file or a number of things is over a stated limit."},
    ErrorKind{Code::over_allotment, "over_allotment", "Over the tenant's allotment", 422, 9,
              "It needs more than the tenant was given, so waiting would not help."},
    ErrorKind{Code::too_many, "too_many", "Too many at one time", 429, 13,
              "One tenant or caller asks for more at one time than it may: wait for the others, or try again after "
              "Retry-After seconds."},
    ErrorKind{Code::interrupted, "interrupted", "Interrupted", 499, 130, "It was stopped on purpose before it ended."},
    ErrorKind{Code::data_loss, "data_loss", "Stored data is damaged", 500, 12,
              "Stored bytes are not what was written; the message names them."},
    ErrorKind{Code::internal, "internal", "A fault of this program", 500, 1,
              "It is not the caller's fault; the log says more, under the request's id."},
    ErrorKind{Code::unavailable, "unavailable", "Not available at the moment", 503, 10,
              "The server cannot be reached, or cannot do it now; trying again later may work."},
    ErrorKind{Code::disk_full, "disk_full", "No space left on the disk", 507, 11,
              "There is no space where this must be written; what frees space works all the same."},
};

}  // namespace

Error::Error(Code code, std::string message, std::string where)
    : code(code), message(std::move(message)), where(std::move(where)) {}

const std::string& message_for_others(const Error& error) {
  return error.public_message.empty() ? error.message : error.public_message;
}

std::span<const ErrorKind> error_kinds() { return kKinds; }

const ErrorKind& kind_of(Code code) {
  for (const ErrorKind& kind : kKinds)
    if (kind.code == code) return kind;
  return kind_of(Code::internal);
}

Code code_named(std::string_view name) {
  for (const ErrorKind& kind : kKinds)
    if (kind.name == name) return kind.code;
  return Code::internal;
}

Code code_of_http_status(int status) {
  if (status == kind_of(Code::internal).http_status) return Code::internal;  // data_loss has the same
  for (const ErrorKind& kind : kKinds)
    if (kind.http_status == status) return kind.code;
  return Code::internal;
}

Error system_error(std::string_view what_failed, int errno_value) {
  Code code = Code::internal;
  if (errno_value == ENOENT) code = Code::not_found;
  if (errno_value == EACCES || errno_value == EPERM) code = Code::permission_denied;
  if (errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG) code = Code::disk_full;
  const char* said = std::strerror(errno_value);
  Error error(code, fmt::format("{}: {}", what_failed, said));
  error.public_message = fmt::format("the server's machine says: {}", said);
  return error;
}

}  // namespace base
