#pragma once
#include <exception>

#include "base/error.h"

namespace base {

/// What every border does with whatever reached it (API dispatcher, job process, main programs, thread ends): the
/// exception as an Error. Those of the standard library get the code that fits (a full disk is disk_full whether a
/// system call or std::filesystem met it) and a public message that names nothing of this machine; what is no exception
/// class at all is internal.
///
///   try { ... } catch (...) { report(base::caught()); }
Error caught(std::exception_ptr exception = std::current_exception()) noexcept;

}  // namespace base
