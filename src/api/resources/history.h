#pragma once
#include "api/operation.h"

namespace api {

/// Something that somebody did or tried.
struct HistoryEntry {
  std::int64_t id = 0;
  std::string at;
  std::string user;
  std::string tenant;
  std::string operation;
  std::string target;
  std::string outcome;
  std::string reason;
  std::string request;
  std::int64_t token = 0;
  std::string address;
  std::string request_id;
  static constexpr auto fields() {
    return std::tuple(
        base::field("id", &HistoryEntry::id, "number, rising"), base::field("at", &HistoryEntry::at, "RFC 3339, UTC"),
        base::field("user", &HistoryEntry::user, "who; of a refused login: who it was said to be"),
        base::field("tenant", &HistoryEntry::tenant, "in which; empty: none"),
        base::field("operation", &HistoryEntry::operation, "what, by its name in the contract"),
        base::field("target", &HistoryEntry::target, "to what: models/3"),
        base::field("outcome", &HistoryEntry::outcome, "done, or the code of the refusal"),
        base::field("reason", &HistoryEntry::reason, "the message of the refusal"),
        base::field("request", &HistoryEntry::request, "the request as JSON, without secrets, long texts cut"),
        base::field("token", &HistoryEntry::token, "number of the token that was used; 0: none"),
        base::field("address", &HistoryEntry::address, "of the client"),
        base::field("request_id", &HistoryEntry::request_id, "as in the daemon's log"));
  }
};

struct ListHistory {
  std::string user;
  std::string operation;
  std::string tenant;
  bool refused = false;
  int page_size = 100;
  std::string page_token;
  static constexpr auto fields() {
    return std::tuple(
        base::field("user", &ListHistory::user, "of this user only, by name").empty_or_like(kReference).flag('u'),
        base::field("operation", &ListHistory::operation, "of this operation only, such as delete_model")
            .empty_or_like(kReference),
        base::field("tenant", &ListHistory::tenant,
                    "of this tenant only, by name; of all when an administrator leaves it out")
            .empty_or_like(kReference)
            .flag('t'),
        base::field("refused", &ListHistory::refused, "only what was refused"),
        base::field("page_size", &ListHistory::page_size, "entries at most in one answer").range(1, 1000).flag('n'),
        base::field("page_token", &ListHistory::page_token,
                    "next_page_token of the answer before; empty for the first page")
            .empty_or_like(kPageToken));
  }
};

extern const Operation<ListHistory, Page<HistoryEntry>> list_history;

}  // namespace api
