#include "base/allowances.h"

#include <algorithm>
#include <cmath>

namespace base {

std::optional<int> Allowances::count(const std::string& key, std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  const auto filled = [&](const Allowance& allowance) {
    return std::min(at_once_, allowance.left + static_cast<double>(now_us - allowance.at_us) * 1e-6 * per_second_);
  };
  // Whoever has all allowed again need not be known any more; a crowd is forgotten together, which errs on its side.
  if (allowances_.size() >= kMaxKeys && !allowances_.contains(key)) {
    std::erase_if(allowances_, [&](const auto& each) { return filled(each.second) >= at_once_; });
    if (allowances_.size() >= kMaxKeys) allowances_.clear();
  }
  const auto [found, is_new] = allowances_.try_emplace(key, Allowance{at_once_, now_us});
  Allowance& allowance = found->second;
  if (!is_new) allowance = {filled(allowance), now_us};
  if (allowance.left < 1) return static_cast<int>(std::ceil((1 - allowance.left) / per_second_));
  allowance.left -= 1;
  return std::nullopt;
}

void Allowances::give_back(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (const auto found = allowances_.find(key); found != allowances_.end())
    found->second.left = std::min(at_once_, found->second.left + 1);
}

}  // namespace base
