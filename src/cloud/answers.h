#pragma once
#include "api/http/server.h"
#include "cloud/store.h"

namespace cloud {

/// What operations that create have answered, so that a request that is repeated after a broken connection, also over a
/// restart, gets the first one's answer and creates nothing more. A caller's answers are kept for a day, up to bounds
/// of their own, so that nobody's are pushed out by others. Threads: any.
class Answers : public api::IdempotencyStore {
 public:
  static constexpr std::int64_t kKeptUs = std::int64_t{86400} * 1000000;
  static constexpr std::int64_t kMaxKept = 1000;                         ///< of a user in a tenant
  static constexpr std::int64_t kMaxKeptBytes = std::int64_t{16} << 20;  ///< of a user in a tenant

  explicit Answers(Store& store) : store_(store) {}

  std::optional<Kept> lookup(const api::Identity& identity, std::string_view key) override;

 private:
  Store& store_;
};

/// Keeps what a call answers, if it carries a key. In the transaction that creates: either both are there or neither.
void keep_answer(Database& db, const api::Call& call, const base::json::value& answer);

template <base::Described T>
T kept_answer(Database& db, const api::Call& call, T answer) {
  keep_answer(db, call, base::encode(answer));
  return answer;
}

}  // namespace cloud
