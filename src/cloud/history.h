#pragma once
#include <deque>
#include <mutex>
#include <string>

#include "api/resources/history.h"
#include "api/router.h"
#include "cloud/store.h"

namespace cloud {

/// Who did what to what: every call that changes something, and every one that was refused. An entry of what was done
/// is written in the first transaction of its call, so that there is no change without its entry, whatever is killed;
/// refusals are written a little later, together, since anybody can cause as many as they like. Of both kinds the
/// newest stay. No operation changes an entry. Threads: any.
class History {
 public:
  static constexpr std::int64_t kKeptDone = 100000, kKeptRefused = 20000;

  /// Sees all transactions of the store from now on, until it ends.
  explicit History(Store& store);
  ~History();
  History(const History&) = delete;

  /// Calls the handler and writes down what came of it.
  api::Answer record(const api::OperationInfo& operation, const api::Call& call, const base::json::value& request,
                     const std::function<api::Answer()>& handler);

  /// Writes down the refusals that wait.
  void flush();

 private:
  struct Entry;
  void in_transaction(Database& db);
  void write_down(Database& db, const Entry& entry);
  void add_refusal(Entry entry, const base::Error& error);

  Store& store_;
  Mutex mutex_{locks::kHistory};
  std::deque<Entry> waiting_;  // refusals
  std::int64_t dropped_ = 0;
  int writes_until_look_ = 0;
};

}  // namespace cloud
