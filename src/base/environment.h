#pragma once
#include <span>
#include <string_view>

namespace base {

/// A variable of the environment that a program here reads.
struct EnvironmentVariable {
  std::string_view name, programs, meaning;
};

/// All of them: docs/reference/settings.md is made from this list.
std::span<const EnvironmentVariable> environment_variables();

/// The value of one of them; null when it is not set. Errors: internal for one that is not on the list.
const char* environment(std::string_view name);

}  // namespace base
