#include "cloud/turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace cloud {
namespace {

TEST(Turns, of_one_model_come_one_after_the_other) {
  Turns turns;
  int count = 0;
  std::vector<std::future<void>> threads;
  for (int i = 0; i < 4; ++i)
    threads.push_back(std::async(std::launch::async, [&] {
      for (int k = 0; k < 1000; ++k) {
        const Turns::Turn turn(turns, 1);
        ++count;
      }
    }));
  for (auto& thread : threads) thread.get();
  EXPECT_EQ(count, 4000);
}

TEST(Turns, of_one_model_wait_for_no_other) {
  Turns turns;
  const Turns::Turn turn(turns, 1);
  std::async(std::launch::async, [&] { const Turns::Turn other(turns, 2); }).get();
}

TEST(Turns, can_be_left_for_a_while) {
  Turns turns;
  Turns::Turn turn(turns, 1);
  turn.unlock();
  std::async(std::launch::async, [&] { const Turns::Turn other(turns, 1); }).get();
  turn.lock();
}

TEST(Turns, are_all_waited_for) {
  Turns turns;
  std::atomic<bool> over = false;
  std::promise<void> begun;
  auto other = std::async(std::launch::async, [&] {
    const Turns::Turn turn(turns, 1);
    begun.set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    over = true;
  });
  begun.get_future().get();
  turns.wait_for_none();
  EXPECT_TRUE(over);
}

}  // namespace
}  // namespace cloud
