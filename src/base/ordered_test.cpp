#include "base/ordered.h"

#include <gtest/gtest.h>

#include <mutex>
#include <shared_mutex>
#include <thread>

#include "base/error.h"

namespace base {
namespace {

TEST(OrderedLocks, are_taken_from_the_first_to_the_last_only) {
  Ordered<std::mutex> first({1, "the house"}), second({2, "the room"});
  {
    const std::lock_guard outer(first);
    const std::lock_guard inner(second);
  }
  const std::lock_guard inner(second);
  try {
    first.lock();
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::internal);
    EXPECT_EQ(error.message, "the lock of the house may not be taken by who holds the lock of the room");
  }
  std::thread([&] { const std::lock_guard free(first); }).join();  // it was not left taken
}

TEST(OrderedLocks, refuse_the_same_twice_instead_of_waiting_for_ever) {
  Ordered<std::mutex> mutex({1, "the house"});
  const std::lock_guard lock(mutex);
  EXPECT_THROW(mutex.lock(), Error);
  EXPECT_THROW(mutex.try_lock(), Error);
}

TEST(OrderedLocks, may_be_let_go_in_any_order_and_shared) {
  Ordered<std::mutex> first({1, "first"}), third({3, "third"});
  Ordered<std::shared_mutex> second({2, "second"});
  first.lock();
  second.lock_shared();
  first.unlock();
  EXPECT_THROW(first.lock(), Error);
  third.lock();
  second.unlock_shared();
  third.unlock();
  const std::lock_guard again(first);
}

TEST(OrderedLocks, a_bounded_wait_ends) {
  Ordered<std::mutex> mutex({1, "the house"});
  const std::lock_guard lock(mutex);
  std::thread([&] { EXPECT_FALSE(mutex.try_lock_for(std::chrono::milliseconds(1))); }).join();
}

}  // namespace
}  // namespace base
