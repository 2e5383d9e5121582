#pragma once
#include <string_view>
#include <vector>

namespace cloud {

/// One step of the schema, from migrations/NNN_name.sql. A released one never changes.
struct Migration {
  std::string_view name;
  std::string_view sql;
};

/// All of them, in order; the version of the schema is their number.
const std::vector<Migration>& migrations();

}  // namespace cloud
