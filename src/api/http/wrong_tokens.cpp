#include "api/http/wrong_tokens.h"

#include <algorithm>

namespace api {

std::optional<int> WrongTokens::count(const std::string& address, std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  const auto filled = [&](const Allowance& allowance) {
    return std::min(kAtOnce, allowance.left + static_cast<double>(now_us - allowance.at_us) * 1e-6 * kPerSecond);
  };
  // Whoever has all allowed again need not be known any more; a crowd is forgotten together, which errs on its side.
  if (allowances_.size() >= kMaxAddresses && !allowances_.contains(address)) {
    std::erase_if(allowances_, [&](const auto& each) { return filled(each.second) >= kAtOnce; });
    if (allowances_.size() >= kMaxAddresses) allowances_.clear();
  }
  const auto [found, is_new] = allowances_.try_emplace(address, Allowance{.at_us = now_us});
  Allowance& allowance = found->second;
  if (!is_new) allowance = {filled(allowance), now_us};
  if (allowance.left < 1) return 1;
  allowance.left -= 1;
  return std::nullopt;
}

}  // namespace api
