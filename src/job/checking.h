#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "job/check_child.h"
#include "wire/event.h"
#include "wire/order.h"

namespace job {

/// The answer to an order to check; throws what is wrong.
wire::Event check(const wire::CheckJob& job);

/// Answers orders to check, several at once. A model file is a stranger's, and the next one is somebody else's: each is
/// read by a child process (job/check_child.h) that ends with its answer, and this process, which all children are
/// forks of, looks at nothing but the numbers that the daemon gave them. It has one thread.
class Checking {
 public:
  Checking(Find find, std::function<void(const wire::Event&)> tell) : find_(std::move(find)), tell_(std::move(tell)) {}

  /// Until `orders` closes; what is not answered then is given up.
  void run(const base::Fd& orders);

 private:
  void wait(const base::Fd& orders);
  void hear();
  bool take_orders();

  Find find_;
  std::function<void(const wire::Event&)> tell_;
  std::string orders_;                ///< that came and are nobody's yet: whole lines and the beginning of one
  bool open_ = true;                  ///< more may come
  std::unique_ptr<CheckChild> next_;  ///< made before its order, so that this waits for no fork
  std::vector<std::unique_ptr<CheckChild>> busy_;
};

}  // namespace job
