#include "api/resources/queue.h"

namespace api {

const Operation<PageRequest, Page<Waiting>> list_queue{
    {.name = "list_queue",
     .method = Method::get,
     .path = "/api/v2/queue",
     .permission = Permission::viewer,
     .summary = "List what waits for your tenant's CPUs and memory, the next one first, and why it waits",
     .command = "queue"}};

}  // namespace api
