#include "base/error.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace base {
namespace {

constexpr std::array kKinds{
    ErrorKind{Code::invalid_argument, "invalid_argument", "The request is not valid", 400, 2},
    ErrorKind{Code::unauthenticated, "unauthenticated", "Valid credentials are needed", 401, 3},
    ErrorKind{Code::permission_denied, "permission_denied", "Not allowed", 403, 4},
    ErrorKind{Code::not_found, "not_found", "No such thing", 404, 5},
    ErrorKind{Code::conflict, "conflict", "The current state does not allow this", 409, 6},
    ErrorKind{Code::precondition_failed, "precondition_failed", "It changed in the meantime", 412, 7},
    ErrorKind{Code::too_large, "too_large", "Over the size limit", 413, 8},
    ErrorKind{Code::over_allotment, "over_allotment", "Over the tenant's allotment", 422, 9},
    ErrorKind{Code::unavailable, "unavailable", "Not available at the moment", 503, 10},
    ErrorKind{Code::interrupted, "interrupted", "Interrupted", 499, 130},
    ErrorKind{Code::disk_full, "disk_full", "No space left on the disk", 507, 11},
    ErrorKind{Code::data_loss, "data_loss", "Stored data is damaged", 500, 12},
    ErrorKind{Code::internal, "internal", "A fault of this program", 500, 1},
};

}  // namespace

Error::Error(Code code, std::string message, std::string where)
    : code(code), message(std::move(message)), where(std::move(where)) {}

std::span<const ErrorKind> error_kinds() { return kKinds; }

const ErrorKind& kind_of(Code code) {
  for (const ErrorKind& kind : kKinds)
    if (kind.code == code) return kind;
  return kKinds.back();
}

Code code_named(std::string_view name) {
  for (const ErrorKind& kind : kKinds)
    if (kind.name == name) return kind.code;
  return Code::internal;
}

Code code_of_http_status(int status) {
  for (const ErrorKind& kind : kKinds)
    if (kind.http_status == status) return kind.code;
  return Code::internal;
}

Error system_error(std::string_view what_failed, int errno_value) {
  Code code = Code::internal;
  if (errno_value == ENOENT) code = Code::not_found;
  if (errno_value == EACCES || errno_value == EPERM) code = Code::permission_denied;
  if (errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG) code = Code::disk_full;
  return Error(code, fmt::format("{}: {}", what_failed, std::strerror(errno_value)));
}

}  // namespace base
