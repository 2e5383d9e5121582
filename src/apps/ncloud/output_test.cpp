#include "apps/ncloud/output.h"

#include <gtest/gtest.h>

#include "apps/ncloud/terminal.h"

namespace ncloud {
namespace {

namespace json = base::json;

const json::object kPage{
    {"items",
     {json::object{{"id", 1},
                   {"name", "conv"},
                   {"size_bytes", 1572864},
                   {"created_at", "2026-01-31T12:00:05.123Z"},
                   {"empty", ""}},
      json::object{{"id", 12}, {"name", "x\x1b[31m"}, {"size_bytes", 0}, {"created_at", "2026-01-31T12:00:05.123Z"}}}},
    {"next_page_token", ""}};

TEST(Output, tables_align) {
  EXPECT_EQ(render(kPage, Format::table, 0),
            "id  name       size     created_at               empty\n"
            " 1  conv       1.5 MiB  2026-01-31 12:00:05 UTC\n"
            "12  x\\x1b[31m  0 B      2026-01-31 12:00:05 UTC\n");
}

TEST(Output, lists_keep_their_columns) {
  const std::vector<std::string> columns{"id", "name", "state", "reason", "remedy", "epochs", "checkpoint_sha256"};
  const auto head = [&](json::object row) {
    const std::string text = render(json::array{std::move(row)}, Format::table, 50, columns);
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      EXPECT_LE(columns_of(text.substr(at, text.find('\n', at) - at)), 50u) << text;
    std::string names;
    for (const char c : text.substr(0, text.find('\n')))
      if (c != ' ' || !names.ends_with(' ')) names += c;
    return names;
  };
  const std::string expected = "id name state epochs reason";
  EXPECT_EQ(head({{"id", 1}, {"name", "a"}, {"state", "queued"}}), expected);
  EXPECT_EQ(head({{"id", 1}, {"name", std::string(200, 'n')}, {"reason", std::string(200, 'r')}}), expected);
  EXPECT_EQ(head({{"id", 1}, {"name", "名前名前名前名前名前名前名前名前名前名前名前"}, {"epochs", 100000}}), expected);
}

TEST(Output, wide_and_combining_characters_take_their_columns) {
  EXPECT_EQ(columns_of("日本"), 4u);
  EXPECT_EQ(columns_of("e\u0301"), 1u);
  EXPECT_EQ(columns_of("\xff\xfe"), 2u);
  EXPECT_EQ(shortened("日本語", 4), "日…");
  EXPECT_EQ(table({{"name", "n"}, {"日本", "1"}, {"ab", "2"}}, 0), "name  n\n日本  1\nab    2\n");
}

TEST(Output, tables_fit_the_terminal) {
  EXPECT_EQ(render(kPage, Format::table, 26),
            "id  name       size\n"
            " 1  conv       1.5 MiB\n"
            "12  x\\x1b[31m  0 B\n"
            "(2 more columns: -o json)\n");
  EXPECT_EQ(table({{"text"}, {"ab cd ef"}}, 5), "text\nab c…\n");
  const json::array models{json::object{{"id", 1},
                                        {"reason", "waits for 1 CPU: model 7 holds 2 of 2"},
                                        {"state", "queued"},
                                        {"checkpoint_sha256", "00"}}};
  EXPECT_EQ(render(models, Format::table, 30),
            "id  state   reason\n"
            " 1  queued  waits for 1 CPU: …\n");
}

TEST(Output, says_units) {
  EXPECT_EQ(render(json::object{{"memory_used_bytes", 1536 << 20},
                                {"datasets", {json::object{{"role", "eval"}, {"dataset", "b"}}}},
                                {"estimated_start", "2026-01-31T12:00:05.123Z"}},
                   Format::table, 0),
            "memory_used      1.5 GiB\ndatasets         eval=b\nestimated_start  2026-01-31 12:00:05 UTC\n");
}

TEST(Output, writes_large_figures_out) {
  EXPECT_EQ(render(json::object{{"images_per_s", 40069.4}, {"cost", 0.0077471}}, Format::table, 0),
            "images_per_s  40069\ncost          0.007747\n");
}

TEST(Output, live_lines_lose_whole_parts) {
  const std::vector<LivePart> parts{{"epoch 1/2"}, {"cost 0.5", 2}, {"900 images/s", 3}, {"ETA 5.0 s", 1}};
  EXPECT_EQ(fitted(parts, 80), "epoch 1/2  cost 0.5  900 images/s  ETA 5.0 s");
  EXPECT_EQ(fitted(parts, 32), "epoch 1/2  cost 0.5  ETA 5.0 s");
  EXPECT_EQ(fitted(parts, 5), "epoc…");
}

TEST(Output, objects_are_lines) {
  EXPECT_EQ(
      render(json::object{{"id", 3}, {"cost", 0.123456}, {"none", nullptr}, {"admin", true}, {"tenants", {"a", "b"}}},
             Format::table, 80),
      "id       3\ncost     0.1235\nadmin    yes\ntenants  a, b\n");
}

TEST(Output, objects_fit_the_terminal_and_break_between_words) {
  const json::object model{{"id", 3},
                           {"reason", "waits for 1 CPU: model 7 holds 2 of 2"},
                           {"started_at", "2026-01-31T12:00:05.123Z"},
                           {"checkpoint_sha256", std::string(64, 'f')}};
  const std::string head = "id                 3\n";
  EXPECT_EQ(render(model, Format::table, 40), head +
                                                  "reason             waits for 1 CPU:\n"
                                                  "                   model 7 holds 2 of 2\n"
                                                  "started_at         2026-01-31 12:00:05\n"
                                                  "                   UTC\n"
                                                  "checkpoint_sha256\n"
                                                  "  " +
                                                  std::string(37, 'f') + "…\n");
  EXPECT_EQ(render(model, Format::table, 80), head +
                                                  "reason             waits for 1 CPU: model 7 holds 2 of 2\n"
                                                  "started_at         2026-01-31 12:00:05 UTC\n"
                                                  "checkpoint_sha256\n"
                                                  "  " +
                                                  std::string(64, 'f') + "\n");
  for (const int width : {1, 20, 24}) EXPECT_NE(render(model, Format::table, width).find("waits"), std::string::npos);
}

TEST(Output, yaml_reads_back) {
  EXPECT_EQ(render(json::object{{"id", 3},
                                {"name", "no"},
                                {"plain", "a b"},
                                {"at", "12:00"},
                                {"list", {1, json::object{{"k", "v"}, {"e", json::array()}}}},
                                {"none", nullptr}},
                   Format::yaml, 0),
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
