#include "base/utf8.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace base {
namespace {

TEST(Utf8, knows_what_is_a_character) {
  for (const std::string_view good : {"", "plain", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf",
                                      "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xef\xbf\xbd"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const std::string_view bad :
       {"\xff", "\x80", "\xc3", "\xc3(", "\xe2\x82", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
  EXPECT_EQ(utf8_prefix("ab\xc3\xa4\xff"), 4u);
}

TEST(Utf8, cuts_between_characters) {
  const std::string_view text = "a\xc3\xa4\xe2\x82\xac!";
  for (std::size_t limit = 0; limit <= text.size() + 1; ++limit) {
    EXPECT_TRUE(is_utf8(cut_utf8(text, limit))) << limit;
    EXPECT_LE(cut_utf8(text, limit).size(), limit);
  }
  EXPECT_EQ(cut_utf8(text, 5), "a\xc3\xa4");
}

TEST(Utf8, replaces_what_is_none) {
  EXPECT_EQ(to_utf8("a\xff\xc3\xa4\xc0"), "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd");
  EXPECT_TRUE(is_utf8(to_text(json::value("caf\xc3"))));
}

}  // namespace
}  // namespace base
