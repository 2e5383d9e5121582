#pragma once
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace api {

/// Counts the wrong tokens that come from each address: some at once and some each second are answered as such, more
/// are put off. Only wrong ones are counted, so nobody's right token is ever put off. Threads: any.
class WrongTokens {
 public:
  static constexpr double kAtOnce = 50;
  static constexpr double kPerSecond = 10;
  static constexpr std::size_t kMaxAddresses = 4096;

  /// One more; the seconds that the address should wait, when it has sent too many.
  std::optional<int> count(const std::string& address, std::int64_t now_us);

 private:
  struct Allowance {
    double left = kAtOnce;
    std::int64_t at_us = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Allowance> allowances_;
};

}  // namespace api
