#include "cloud/names.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "cloud/sqlite/database.h"

namespace cloud {

std::optional<std::int64_t> id_in(std::string_view reference) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(reference.data(), reference.data() + reference.size(), id);
  if (reference.empty() || end != reference.data() + reference.size()) return std::nullopt;
  return error == std::errc() ? id : 0;  // a number too large is an id that nothing has
}

std::int64_t named_id_of(Database& db, const Named& kind, std::int64_t tenant_id, std::string_view reference) {
  const auto id = id_in(reference);
  const auto find = [&](std::string_view column, const auto& value) {
    return db.number(fmt::format("select id from {} where tenant_id = ? and {} = ?", kind.table, column), tenant_id,
                     value);
  };
  const std::int64_t found = id ? find("id", *id) : find("name", reference);
  if (found == 0)
    throw base::Error(base::Code::not_found,
                      fmt::format("no {0} '{1}'; see: ncloud {0} ls", kind.what, base::printable(reference, 80)));
  return found;
}

}  // namespace cloud
