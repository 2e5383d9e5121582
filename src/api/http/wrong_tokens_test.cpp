#include "api/http/wrong_tokens.h"

#include <gtest/gtest.h>

namespace api {
namespace {

constexpr std::int64_t kSecondUs = 1000000;

TEST(WrongTokens, some_at_once_and_some_a_second_of_each_address) {
  WrongTokens wrong;
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(wrong.count("10.0.0.1", 0));
  EXPECT_EQ(wrong.count("10.0.0.1", 0), 1);
  EXPECT_FALSE(wrong.count("10.0.0.2", 0));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(wrong.count("10.0.0.1", kSecondUs));
  EXPECT_TRUE(wrong.count("10.0.0.1", kSecondUs));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(wrong.count("10.0.0.1", 1000 * kSecondUs));
  EXPECT_TRUE(wrong.count("10.0.0.1", 1000 * kSecondUs));
}

TEST(WrongTokens, many_addresses_take_no_more_memory) {
  WrongTokens wrong;
  for (int i = 0; i < 20000; ++i) EXPECT_FALSE(wrong.count(std::to_string(i), i));
}

}  // namespace
}  // namespace api
