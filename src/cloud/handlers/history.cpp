#include "cloud/history.h"

#include "base/clock.h"
#include "cloud/handlers/handlers.h"

namespace cloud {
namespace {

api::HistoryEntry entry_of(const Row& row) {
  return {.id = row.integer(0),
          .at = base::rfc3339(row.integer(1)),
          .user = row.text(2),
          .tenant = row.text(3),
          .operation = row.text(4),
          .target = row.text(5),
          .outcome = row.text(6),
          .reason = row.text(7),
          .request = row.text(8),
          .token = row.integer(9),
          .address = row.text(10),
          .request_id = row.text(11)};
}

}  // namespace

void handle_history(api::Router& router, Parts parts) {
  router.handle(api::list_history, [parts](const api::Call& call, const api::ListHistory& request) {
    const std::int64_t before = number_in_page_token(request.page_token, kNewest);
    parts.history.flush();
    return parts.store.read([&](Database& db) {
      auto entries = db.all(
          "select id, at_us, user_name, tenant, operation, target, outcome, reason, request, token_id, address, "
          "request_id from history where id < ? and (? = 1 or tenant_id = ?) and (? = '' or user_name = ?) and (? = '' "
          "or "
          "operation = ?) and (? = '' or tenant = ?) and refused >= ? order by id desc limit ?",
          entry_of, before, call.identity.admin(), call.identity.tenant_id, request.user, request.user,
          request.operation, request.operation, request.tenant, request.tenant, request.refused, request.page_size + 1);
      return page_of(std::move(entries), request.page_size, [](const api::HistoryEntry& entry) { return entry.id; });
    });
  });
}

}  // namespace cloud
