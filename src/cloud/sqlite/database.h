#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/fields.h"

struct sqlite3;
struct sqlite3_stmt;

namespace cloud {

/// The present row of a query; columns are counted from 0.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  bool null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;
  std::optional<double> optional_real(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// One connection to an SQLite file, in WAL mode. `?` stands for an argument. Threads: one at a time.
/// Errors: conflict when a unique or foreign key forbids it, disk_full, data_loss for a damaged file, unavailable when
/// another process holds it, internal otherwise.
class Database {
 public:
  enum class Mode { write, read };
  Database(const std::filesystem::path& file, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Several statements at once, without arguments.
  void script(std::string_view sql);

  /// Runs a statement; how many rows it changed.
  template <class... Args>
  std::int64_t run(std::string_view sql, const Args&... args) {
    const Use use(*this, sql);
    bind_all(use.statement, args...);
    while (step(use.statement)) {}
    return changes();
  }

  /// visit(row) for every row.
  template <class Visit, class... Args>
  void each(std::string_view sql, Visit visit, const Args&... args) {
    const Use use(*this, sql);
    bind_all(use.statement, args...);
    while (step(use.statement)) visit(Row(use.statement));
  }

  /// `map(row)` of every row.
  template <class Map, class... Args>
  auto all(std::string_view sql, Map map, const Args&... args) {
    std::vector<std::invoke_result_t<Map, const Row&>> rows;
    const Use use(*this, sql);
    bind_all(use.statement, args...);
    while (step(use.statement)) rows.push_back(map(Row(use.statement)));
    return rows;
  }

  /// `map(row)` of the first row, if there is one.
  template <class Map, class... Args>
  auto first(std::string_view sql, Map map, const Args&... args) {
    std::optional<std::invoke_result_t<Map, const Row&>> result;
    const Use use(*this, sql);
    bind_all(use.statement, args...);
    while (step(use.statement))
      if (!result) result = map(Row(use.statement));
    return result;
  }

  /// The single number a query gives, such as count(*) or the id of `returning id`; 0 when there is no row.
  template <class... Args>
  std::int64_t number(std::string_view sql, const Args&... args) {
    return first(sql, [](const Row& row) { return row.integer(0); }, args...).value_or(0);
  }

 private:
  // A prepared statement in use; reset when the use ends, also by an exception.
  struct Use {
    Use(Database& database, std::string_view sql) : statement(database.prepared(sql)) {}
    ~Use();
    Use(const Use&) = delete;
    sqlite3_stmt* statement;
  };

  sqlite3_stmt* prepared(std::string_view sql);
  bool step(sqlite3_stmt* statement);
  std::int64_t changes() const;
  [[noreturn]] void fail(std::string_view doing) const;

  void bind_null(sqlite3_stmt* statement, int index);
  void bind_integer(sqlite3_stmt* statement, int index, std::int64_t value);
  void bind_real(sqlite3_stmt* statement, int index, double value);
  void bind_text(sqlite3_stmt* statement, int index, std::string_view value);

  template <class T>
  void bind(sqlite3_stmt* statement, int index, const T& value) {
    if constexpr (base::is_optional<T>::value) {
      if (value)
        bind(statement, index, *value);
      else
        bind_null(statement, index);
    } else if constexpr (std::is_floating_point_v<T>) {
      bind_real(statement, index, value);
    } else if constexpr (std::is_integral_v<T>) {
      bind_integer(statement, index, static_cast<std::int64_t>(value));
    } else if constexpr (base::DescribedEnum<T>) {
      bind_text(statement, index, base::word(value));
    } else {
      bind_text(statement, index, value);
    }
  }
  template <class... Args>
  void bind_all([[maybe_unused]] sqlite3_stmt* statement, const Args&... args) {
    int index = 0;
    (bind(statement, ++index, args), ...);
  }

  sqlite3* connection_ = nullptr;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

}  // namespace cloud
