#include "base/base64.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace base {
namespace {

TEST(Base64, ThereAndBack) {
  for (const auto& [bytes, text] :
       {std::pair{"", ""}, std::pair{"any carnal pleasure.", "YW55IGNhcm5hbCBwbGVhc3VyZS4="},
        std::pair{"any carnal pleasure", "YW55IGNhcm5hbCBwbGVhc3VyZQ=="},
        std::pair{"any carnal pleasur", "YW55IGNhcm5hbCBwbGVhc3Vy"}}) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  EXPECT_EQ(from_base64("YW55IGNhcm5hbCBwbGVhc3VyZQ"), "any carnal pleasure");
  EXPECT_EQ(from_base64("YW55IGNhcm5hbCBwbGVhc3VyZQ="), "any carnal pleasure");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(from_base64(to_base64(all)), all);
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text : {"a", "ab==c", "ab-_", "ab c", "YR==", "====", "abcd="})
    EXPECT_THROW(from_base64(text), Error);
}

}  // namespace
}  // namespace base
