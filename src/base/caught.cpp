#include "base/caught.h"

#include <filesystem>
#include <new>
#include <system_error>

namespace base {
namespace {

bool says_errno(const std::error_code& code) {
  return code.category() == std::generic_category() || code.category() == std::system_category();
}

/// "create directories '/x'" of "filesystem error: cannot create directories: Permission denied [/x]".
std::string what_failed(const std::filesystem::filesystem_error& error) {
  std::string_view text = error.what();
  constexpr std::string_view kPrefix = "filesystem error: ";
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  std::string result(text.substr(0, text.find(": ")));
  for (const std::filesystem::path& path : {error.path1(), error.path2()})
    if (!path.empty()) result += " '" + path.string() + "'";
  return result;
}

/// Of what others threw nobody knows what it names.
Error fault(std::string message) {
  Error error(Code::internal, std::move(message));
  error.public_message = "a fault of the server; its log says more";
  return error;
}

Error error_of(std::exception_ptr exception) {
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const Error& error) {
    return error;
  } catch (const std::filesystem::filesystem_error& error) {
    if (says_errno(error.code())) return system_error(what_failed(error), error.code().value());
    return fault(error.what());
  } catch (const std::system_error& error) {
    if (!says_errno(error.code())) return fault(error.what());
    Error result = system_error("", error.code().value());
    result.message = error.what();
    return result;
  } catch (const std::bad_alloc&) {
    return Error(Code::unavailable, "out of memory");
  } catch (const std::exception& error) {
    return fault(error.what());
  } catch (...) {
    return fault("a fault that says nothing about itself");
  }
}

}  // namespace

Error caught(std::exception_ptr exception) noexcept {
  try {
    return error_of(std::move(exception));
  } catch (...) {  // no memory for the words
    return Error(Code::unavailable, "");
  }
}

}  // namespace base
