#include "api/resources/history.h"

namespace api {

const Operation<ListHistory, Page<HistoryEntry>> list_history{
    {.name = "list_history",
     .method = Method::get,
     .path = "/api/v2/history",
     .permission = Permission::manager,
     .summary = "List who did what to what in your tenant (administrators: in all), refusals included",
     .command = "history"}};

}  // namespace api
