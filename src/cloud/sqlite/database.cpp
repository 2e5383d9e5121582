#include "cloud/sqlite/database.h"

#include <sqlite3.h>

#include <cerrno>

#include "base/error.h"

namespace cloud {

using base::Code;
using base::Error;

bool Row::null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::int64_t Row::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Row::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Row::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return bytes == nullptr ? std::string()
                          : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::optional<std::int64_t> Row::optional_integer(int column) const {
  return null(column) ? std::nullopt : std::optional(integer(column));
}

std::optional<double> Row::optional_real(int column) const {
  return null(column) ? std::nullopt : std::optional(real(column));
}

Database::Database(const std::filesystem::path& file, Mode mode) {
  const int flags =
      (mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(file.c_str(), &connection_, flags, nullptr) != SQLITE_OK) {
    const std::string why = connection_ != nullptr ? sqlite3_errmsg(connection_) : "out of memory";
    sqlite3_close(connection_);
    throw Error(Code::internal, fmt::format("cannot open the database '{}': {}", file.string(), why));
  }
  try {
    sqlite3_busy_timeout(connection_, 5000);
    script("pragma foreign_keys = on; pragma cache_size = -1024; pragma temp_store = memory;");
    // full: a commit reaches the disk before it is acknowledged, so that neither a killed process nor a power cut loses
    // it.
    if (mode == Mode::write) script("pragma journal_mode = wal; pragma synchronous = full;");
  } catch (...) {
    sqlite3_close(connection_);
    throw;
  }
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(connection_);
}

Database::Use::~Use() {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
}

void Database::script(std::string_view sql) {
  if (sqlite3_exec(connection_, std::string(sql).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail("run a script");
}

sqlite3_stmt* Database::prepared(std::string_view sql) {
  const auto known = statements_.find(sql);
  if (known != statements_.end()) return known->second;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                         nullptr) != SQLITE_OK)
    fail(sql);
  statements_.emplace(sql, statement);
  return statement;
}

bool Database::step(sqlite3_stmt* statement) {
  const int result = sqlite3_step(statement);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  fail(sqlite3_sql(statement));
}

std::int64_t Database::changes() const { return sqlite3_changes64(connection_); }

void Database::fail(std::string_view doing) const {
  const int error = sqlite3_extended_errcode(connection_);
  Code code = Code::internal;
  switch (error & 0xff) {
    case SQLITE_CONSTRAINT: code = Code::conflict; break;
    case SQLITE_FULL: code = Code::disk_full; break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: code = Code::data_loss; break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: code = Code::unavailable; break;
    case SQLITE_IOERR:
      if (sqlite3_system_errno(connection_) == ENOSPC || sqlite3_system_errno(connection_) == EDQUOT)
        code = Code::disk_full;
      break;
    default: break;
  }
  throw Error(code, fmt::format("the database says: {} (while it should {})", sqlite3_errmsg(connection_), doing));
}

void Database::bind_null(sqlite3_stmt* statement, int index) {
  if (sqlite3_bind_null(statement, index) != SQLITE_OK) fail("bind an argument");
}
void Database::bind_integer(sqlite3_stmt* statement, int index, std::int64_t value) {
  if (sqlite3_bind_int64(statement, index, value) != SQLITE_OK) fail("bind an argument");
}
void Database::bind_real(sqlite3_stmt* statement, int index, double value) {
  if (sqlite3_bind_double(statement, index, value) != SQLITE_OK) fail("bind an argument");
}
void Database::bind_text(sqlite3_stmt* statement, int index, std::string_view value) {
  // A null pointer would bind null instead of the empty text.
  const char* bytes = value.data() == nullptr ? "" : value.data();
  if (sqlite3_bind_text64(statement, index, bytes, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK)
    fail("bind an argument");
}

}  // namespace cloud
