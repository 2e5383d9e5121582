#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace cloud {

/// The number when `reference` is an id, nothing when it is a name.
std::optional<std::int64_t> id_in(std::string_view reference);

}  // namespace cloud
