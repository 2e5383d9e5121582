#include "apps/ncloud/output.h"

#include <gtest/gtest.h>

namespace ncloud {
namespace {

namespace json = base::json;

const json::object kPage{{"items", {json::object{{"id", 1}, {"name", "conv"}, {"size_bytes", 1500000}, {"created_at", "2026-01-31T12:00:05.123Z"}, {"empty", ""}},
                                    json::object{{"id", 12}, {"name", "x\x1b[31m"}, {"size_bytes", 0}, {"created_at", "2026-01-31T12:00:05.123Z"}}}},
                         {"next_page_token", ""}};

TEST(Output, tables_align_and_leave_out_empty_columns) {
  EXPECT_EQ(render(kPage, Format::table, 0),
            "id  name       size_bytes  created_at\n"
            " 1  conv       1.5 MB      2026-01-31 12:00:05\n"
            "12  x\\x1b[31m  0 B         2026-01-31 12:00:05\n");
}

TEST(Output, tables_fit_the_terminal) {
  const std::string text = render(kPage, Format::table, 26);
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) EXPECT_LE(text.find('\n', at) - at, 26u);
  EXPECT_NE(text.find("size_bytes"), std::string::npos);
  EXPECT_EQ(text.find("created_at"), std::string::npos);
  EXPECT_EQ(table({{"text"}, {std::string(100, 'x')}}, 80).find(std::string(48, 'x')), std::string::npos);
}

TEST(Output, objects_are_lines) {
  EXPECT_EQ(render(json::object{{"id", 3}, {"cost", 0.123456}, {"none", nullptr}, {"admin", true}, {"tenants", {"a", "b"}}}, Format::table, 80),
            "id       3\ncost     0.1235\nadmin    yes\ntenants  a, b\n");
}

TEST(Output, yaml_reads_back) {
  EXPECT_EQ(render(json::object{{"id", 3}, {"name", "no"}, {"plain", "a b"}, {"at", "12:00"}, {"list", {1, json::object{{"k", "v"}, {"e", json::array()}}}}, {"none", nullptr}}, Format::yaml, 0),
            "id: 3\n"
            "name: \"no\"\n"
            "plain: a b\n"
            "at: \"12:00\"\n"
            "list:\n"
            "  - 1\n"
            "  - k: v\n"
            "    e: []\n"
            "none: null\n");
}

TEST(Output, json_is_whole) { EXPECT_EQ(base::parse_json(render(kPage, Format::json, 10), "x"), json::value(kPage)); }

}  // namespace
}  // namespace ncloud
