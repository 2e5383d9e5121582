#pragma once
#include <filesystem>
#include <functional>
#include <mutex>

#include "base/files.h"
#include "cloud/lock_order.h"
#include "cloud/migrations.h"
#include "cloud/sqlite/database.h"

namespace cloud {

/// What the daemon must not forget: one database file. A write that returned survives a killed process and a power cut.
/// Threads: any. There is one writer at a time; readers see the last committed state and wait for no writer. Work takes
/// no lock that comes before the store's (lock_order.h) and is short: everybody waits for it.
class Store {
 public:
  /// Opens or creates the file and brings its schema up to date. Errors: data_loss when the file's migrations are not
  /// the ones of this program; conflict when a newer program has written it.
  explicit Store(const std::filesystem::path& file, const std::vector<Migration>& steps = migrations());

  /// Beside a daemon that has the file open: leaves the schema alone. Errors: conflict when it is not this program's.
  enum class Schema { as_it_is };
  Store(const std::filesystem::path& file, Schema);

  /// Runs `work(database)` in one transaction; an exception undoes it all.
  template <class Work>
  auto write(Work work) {
    const std::lock_guard lock(write_mutex_);
    if (--writes_until_look_ <= 0) keep_room();
    Transaction transaction(writer_, "begin immediate");
    return finish(transaction, writer_, work, on_write_);
  }

  /// Called at the end of every transaction that writes, as a part of it. Before other threads write, or with none.
  void on_write(std::function<void(Database&)> write_too) { on_write_ = std::move(write_too); }

  /// Whether a reader gets its turn and an answer within this time.
  bool answers(std::chrono::milliseconds within);

  /// Runs `work(database)` on one consistent state.
  template <class Work>
  auto read(Work work) {
    const std::lock_guard lock(read_mutex_);
    Transaction transaction(*reader_, "begin");
    return finish(transaction, *reader_, work, {});
  }

 private:
  class Transaction {
   public:
    Transaction(Database& database, std::string_view begin) : database_(database) { database_.run(begin); }
    ~Transaction();
    Transaction(const Transaction&) = delete;
    void commit();

   private:
    Database& database_;
    bool open_ = true;
  };

  template <class Work>
  static auto finish(Transaction& transaction, Database& database, Work& work,
                     const std::function<void(Database&)>& write_too) {
    if constexpr (std::is_void_v<std::invoke_result_t<Work, Database&>>) {
      work(database);
      if (write_too) write_too(database);
      transaction.commit();
    } else {
      auto result = work(database);
      if (write_too) write_too(database);
      transaction.commit();
      return result;
    }
  }

  void migrate(const std::vector<Migration>& steps);
  void keep_room();

  Mutex write_mutex_{locks::kStoreWrite}, read_mutex_{locks::kStoreRead};
  // The database's files with room booked behind their ends, so that short writes (the ones that free space: a stop, a
  // removal) work on a full disk. Open as long as the connections: closing one early would drop SQLite's locks.
  base::Fd file_, log_;
  std::function<void(Database&)> on_write_;
  int writes_until_look_ = 0;
  bool said_no_room_ = false;
  Database writer_;
  std::optional<Database> reader_;
};

}  // namespace cloud
