#include "cloud/names.h"

#include <charconv>

namespace cloud {

std::optional<std::int64_t> id_in(std::string_view reference) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(reference.data(), reference.data() + reference.size(), id);
  if (reference.empty() || end != reference.data() + reference.size()) return std::nullopt;
  return error == std::errc() ? id : 0;  // a number too large is an id that nothing has
}

}  // namespace cloud
