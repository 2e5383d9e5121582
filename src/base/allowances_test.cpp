#include "base/allowances.h"

#include <gtest/gtest.h>

namespace base {
namespace {

constexpr std::int64_t kSecondUs = 1000000;

TEST(Allowances, some_at_once_and_some_a_second_of_each_key) {
  Allowances wrong(50, 10);
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(wrong.count("10.0.0.1", 0));
  EXPECT_EQ(wrong.count("10.0.0.1", 0), 1);
  EXPECT_FALSE(wrong.count("10.0.0.2", 0));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(wrong.count("10.0.0.1", kSecondUs));
  EXPECT_TRUE(wrong.count("10.0.0.1", kSecondUs));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(wrong.count("10.0.0.1", 1000 * kSecondUs));
  EXPECT_TRUE(wrong.count("10.0.0.1", 1000 * kSecondUs));
}

TEST(Allowances, say_how_long_to_wait_and_take_back_what_was_none) {
  Allowances wrong(2, 0.05);
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(wrong.count("ada", 0));
  EXPECT_EQ(wrong.count("ada", 0), 20);
  EXPECT_EQ(wrong.count("ada", 15 * kSecondUs), 5);
  wrong.give_back("ada");
  EXPECT_FALSE(wrong.count("ada", 15 * kSecondUs));
  for (int i = 0; i < 9; ++i) wrong.give_back("ada");
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(wrong.count("ada", 15 * kSecondUs));
  EXPECT_TRUE(wrong.count("ada", 15 * kSecondUs));
}

TEST(Allowances, many_keys_take_no_more_memory) {
  Allowances wrong(50, 10);
  for (int i = 0; i < 20000; ++i) EXPECT_FALSE(wrong.count(std::to_string(i), i));
}

}  // namespace
}  // namespace base
