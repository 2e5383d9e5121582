#include "cloud/health.h"

#include <gtest/gtest.h>

#include <future>

namespace cloud {
namespace {

template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return condition();
}

TEST(Health, says_what_hangs_and_that_it_answers_again) {
  std::atomic<bool> hangs = true;
  const Health health([&] { return hangs ? std::string("the database") : std::string(); });
  EXPECT_TRUE(soon([&] { return health.trouble() == "the database"; }));
  hangs = false;
  EXPECT_TRUE(soon([&] { return health.trouble().empty(); }));
}

TEST(Health, a_check_that_never_comes_back_is_trouble_too) {
  std::promise<void> release;
  const Health health(
      [&, wait = release.get_future().share()] {
        wait.wait();
        return std::string();
      },
      std::chrono::milliseconds(20));
  EXPECT_TRUE(soon([&] { return health.trouble() == "the daemon"; }));
  release.set_value();
  EXPECT_TRUE(soon([&] { return health.trouble().empty(); }));
}

}  // namespace
}  // namespace cloud
