#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/random.h"
#include "base/sha256.h"

namespace base {
namespace {

TEST(Errors, EveryCodeHasOneRowWithItsOwnWordAndAnHttpErrorStatus) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
    const auto code = static_cast<Code>(i);
    const ErrorKind& kind = kind_of(code);
    ASSERT_EQ(kind.code, code) << "code " << i << " has no row";
    EXPECT_TRUE(names.insert(kind.name).second) << kind.name << " twice";
    EXPECT_EQ(code_named(kind.name), code);
    EXPECT_GE(kind.http_status, 400);
    EXPECT_LT(kind.http_status, 600);
    EXPECT_GT(kind.exit_code, 0);
  }
  EXPECT_EQ(error_kinds().size(), names.size());
}

// Known answers of Random123's philox4x32-10.
TEST(Random, PhiloxGivesThePublishedNumbers) {
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox(0, 0, 0), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(~0ull, ~0ull, ~0ull), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, DrawsHaveTheirMomentsAndBelowHasNoBias) {
  Random random(1, 2);
  double sum = 0, squares = 0;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.03);
  EXPECT_NEAR(squares / kDraws, 1, 0.05);
  std::array<int, 3> counts{};
  for (int i = 0; i < kDraws; ++i) ++counts[random.below(3)];
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 3.0, 300);
}

TEST(Random, StreamsDiffer) {
  std::set<std::uint64_t> streams;
  for (std::uint64_t a = 0; a < 30; ++a)
    for (std::uint64_t b = 0; b < 30; ++b) streams.insert(stream_of(a, b));
  EXPECT_EQ(streams.size(), 900u);
}

TEST(Nearest, FindsTheCloseWordAndNoFarOne) {
  constexpr std::string_view kWords[] = {"Affine", "Convolution", "Pooling"};
  EXPECT_EQ(nearest("Afine", kWords), "Affine");
  EXPECT_EQ(nearest("convolution", kWords), "Convolution");
  EXPECT_EQ(nearest("LSTM", kWords), "");
  EXPECT_EQ(unknown_word("layer", "LSTM", kWords), "unknown layer 'LSTM'; known are: Affine, Convolution, Pooling");
}

TEST(Texts, SizesDurationsAndTimes) {
  EXPECT_EQ(parse_size("4GiB"), std::int64_t{4} << 30);
  EXPECT_EQ(parse_size("1.5MB"), 1'500'000);
  for (const char* wrong : {"", "GB", "-1GB", "4 GB", "4XB", "1e30"}) EXPECT_THROW(parse_size(wrong), Error) << wrong;
  EXPECT_EQ(size_text(999), "999 B");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text((1 << 20) - 1), "1 MiB");
  EXPECT_EQ(size_text(512 << 20), "512 MiB");
  EXPECT_EQ(size_text(1.5 * (1 << 30)), "1.5 GiB");
  EXPECT_EQ(size_text(2e9), "2 GB (1.863 GiB)");
  EXPECT_EQ(size_text(600e6), "600 MB (572.2 MiB)");
  EXPECT_EQ(size_text(123456789), "117.7 MiB");
  EXPECT_EQ(size_text(130.56e9), "121.6 GiB");
  EXPECT_EQ(size_text(0x1p70), "1024 EiB");
  EXPECT_EQ(counted(0, "user") + ", " + counted(1, "CPU") + ", " + counted(2, "model"), "0 users, 1 CPU, 2 models");
  EXPECT_EQ(duration_text(0.85), "850 ms");
  EXPECT_EQ(duration_text(245), "4 min 05 s");
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(printable("a\u009b31m\u202eb é € \u2014"), "a\\u009b31m\\u202eb é € \u2014");
}

TEST(Sha256, GivesThePublishedDigest) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 sum;
  sum.add("a");
  sum.add("bc");
  EXPECT_EQ(sum.finish(), sha256("abc"));
}

TEST(Texts, are_shortened_between_characters) {
  EXPECT_EQ(shortened("as it is", 8), "as it is");
  EXPECT_EQ(shortened("as it is not", 11), "as it is…");
  EXPECT_EQ(shortened("äöü äöü", 8), "äö…");  // the third would end in its middle
  EXPECT_EQ(shortened("äöü äöü", 3), "…");
}

}  // namespace
}  // namespace base
