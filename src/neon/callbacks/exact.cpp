#include "neon/callbacks/exact.h"

#include <fmt/format.h>

#include <cstdlib>

namespace neon {

base::json::value exact(double number) { return base::json::value(fmt::format("{:a}", number)); }

double exact_number(const base::json::value& value) {
  if (!value.is_string()) return base::decode<double>(value);
  const auto text = base::decode<std::string>(value);
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') base::fail_expected("a number", value, "");
  return number;
}

}  // namespace neon
