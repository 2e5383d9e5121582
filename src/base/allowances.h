#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace base {

/// How often something may happen for each of many keys, such as a wrong token from an address: some times at once, and
/// so many more each second. Threads: any.
class Allowances {
 public:
  static constexpr std::size_t kMaxKeys = 4096;

  Allowances(double at_once, double per_second) : at_once_(at_once), per_second_(per_second) {}

  /// One more; the seconds to wait for the next, when there were too many (it does not count then).
  std::optional<int> count(const std::string& key, std::int64_t now_us);

  /// What was counted turned out to be none.
  void give_back(const std::string& key);

 private:
  struct Allowance {
    double left = 0;
    std::int64_t at_us = 0;
  };
  const double at_once_, per_second_;
  std::mutex mutex_;
  std::map<std::string, Allowance> allowances_;
};

}  // namespace base
