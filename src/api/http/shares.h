#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>

#include "api/router.h"

namespace api {

/// How many of something each tenant may have at one time, so that none can take all. Threads: any.
class Shares {
 public:
  /// One of them; given back when it goes. The Shares outlive it.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept : of_(std::exchange(other.of_, nullptr)), tenant_(other.tenant_) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(of_, other.of_);
      std::swap(tenant_, other.tenant_);
      return *this;
    }
    ~Share() {
      if (of_ != nullptr) of_->give_back(tenant_);
    }
    explicit operator bool() const { return of_ != nullptr; }

   private:
    friend class Shares;
    Share(Shares& of, std::int64_t tenant) : of_(&of), tenant_(tenant) {}
    Shares* of_ = nullptr;
    std::int64_t tenant_ = 0;
  };

  /// `what` and `remedy` are for the refusal: "streams of events", "close one".
  Shares(std::string_view what, std::string_view remedy) : what_(what), remedy_(remedy) {}

  void set_limit(int limit) { limit_ = limit; }  ///< before the first take()

  /// Errors: StatusError 429 when the caller's tenant has its limit.
  Share take(const Identity& identity);

 private:
  void give_back(std::int64_t tenant);

  const std::string_view what_;
  const std::string_view remedy_;
  int limit_ = 1;
  std::mutex mutex_;
  std::map<std::int64_t, int> taken_;  // by tenant; those that have some
};

}  // namespace api
