#include <deque>

#include "api/http/server.h"

namespace api {
namespace {

class MemoryStore : public IdempotencyStore {
 public:
  explicit MemoryStore(std::size_t capacity) : capacity_(capacity) {}

  std::optional<Kept> lookup(const Identity& identity, std::string_view key) override {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(name_of(identity, key));
    return found == kept_.end() ? std::nullopt : std::optional(found->second);
  }

  void remember(const Identity& identity, std::string_view key, const Kept& kept) override {
    const std::lock_guard lock(mutex_);
    std::string name = name_of(identity, key);
    if (!kept_.insert_or_assign(name, kept).second) return;
    order_.push_back(std::move(name));
    if (order_.size() <= capacity_) return;
    kept_.erase(order_.front());
    order_.pop_front();
  }

 private:
  static std::string name_of(const Identity& identity, std::string_view key) {
    return fmt::format("{}/{}/{}", identity.user_id, identity.tenant_id, key);
  }

  const std::size_t capacity_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;
  std::deque<std::string> order_;  // oldest first
};

}  // namespace

std::unique_ptr<IdempotencyStore> memory_idempotency_store(std::size_t capacity) {
  return std::make_unique<MemoryStore>(capacity);
}

}  // namespace api
