#include "api/http/shares.h"

#include "api/problem.h"

namespace api {

Shares::Share Shares::take(const Identity& identity) {
  const std::lock_guard lock(mutex_);
  int& taken = taken_[identity.tenant_id];
  if (taken >= limit_)
    throw StatusError(
        429, base::Code::unavailable,
        fmt::format("your tenant has {} {} at the moment, the most that one may have: {}", taken, what_, remedy_),
        {{"retry-after", "1"}});
  ++taken;
  return {*this, identity.tenant_id};
}

void Shares::give_back(std::int64_t tenant) {
  const std::lock_guard lock(mutex_);
  const auto found = taken_.find(tenant);
  if (--found->second == 0) taken_.erase(found);
}

}  // namespace api
