#pragma once
#include <exception>
#include <span>
#include <string>
#include <string_view>

namespace base {

/// What kind of failure an Error is. One table (error_kinds) says what each means on every border.
enum class Code {
  invalid_argument,     ///< the request can never work as it is
  unauthenticated,      ///< no valid credentials
  permission_denied,    ///< known caller, not allowed
  not_found,            ///< no such thing, or not the caller's
  conflict,             ///< the thing is in a state that does not allow this
  precondition_failed,  ///< the thing changed since the caller last read it
  too_large,            ///< over a stated size limit
  over_allotment,       ///< more than the tenant's resources
  too_many,             ///< more at one time, or more in a time, than one caller may ask for
  unavailable,          ///< cannot be done now; trying again may work
  interrupted,          ///< stopped on purpose
  disk_full,            ///< no space left where this must be written
  data_loss,            ///< stored bytes are not what was written
  internal,             ///< a fault of this program
};

/// The one exception type of this project. Thrown where the fault is seen, caught at borders.
/// The message says what was expected, what came, where, and what to do.
struct Error : std::exception {
  Code code;
  std::string message;
  std::string where;  ///< JSON pointer into the document at fault, such as "/layers/2/config"; empty when there is none
  /// What a server tells its clients instead, because the message names paths of its machine; empty when it names none.
  std::string public_message;
  int retry_after_s = 0;  ///< when the same may work; 0: not known

  Error(Code code, std::string message, std::string where = {});
  const char* what() const noexcept override { return message.c_str(); }
};

/// What a code means on each border.
struct ErrorKind {
  Code code;
  std::string_view name;   ///< the word on the wire, such as "not_found"
  std::string_view title;  ///< one line for people
  int http_status;
  int exit_code;             ///< of the command line programs
  std::string_view meaning;  ///< a sentence for documents: when it comes, and what to do
};

/// The message for people who have no business with this machine.
const std::string& message_for_others(const Error& error);

std::span<const ErrorKind> error_kinds();
const ErrorKind& kind_of(Code code);

/// The code named `name` on the wire; internal when there is none.
Code code_named(std::string_view name);

/// The code that best fits an HTTP status; internal when none does.
Code code_of_http_status(int status);

/// An Error for the failed system call that set `errno_value`: "cannot open '/x': Permission denied". Its public
/// message is what the system said, and no path.
Error system_error(std::string_view what_failed, int errno_value);

}  // namespace base
