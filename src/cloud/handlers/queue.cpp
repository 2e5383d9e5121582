#include "api/resources/queue.h"

#include "cloud/handlers/handlers.h"
#include "cloud/supervisor.h"

namespace cloud {

void handle_queue(api::Router& router, Parts parts) {
  router.handle(api::list_queue, [parts](const api::Call& call, const api::PageRequest& request) {
    const std::int64_t after = number_in_page_token(request.page_token, 0);
    auto waiting = parts.supervisor.queue(call.identity.tenant_id);
    std::erase_if(waiting, [&](const api::Waiting& one) { return one.position <= after; });
    if (waiting.size() > static_cast<std::size_t>(request.page_size))
      waiting.resize(static_cast<std::size_t>(request.page_size) + 1);
    return page_of(std::move(waiting), request.page_size, [](const api::Waiting& one) { return one.position; });
  });
}

}  // namespace cloud
